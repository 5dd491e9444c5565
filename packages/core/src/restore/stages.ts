import { type RestorePhase, restorePhases } from '../resources/facets.js';
import { checkHugePages } from '../resources/memory/hugetlb.js';
import type { Stage } from '../stage.js';
import { becomeThemselves } from './become.js';
import { restoreFsInfo } from './fs-info.js';
import { restoreFiles, restoreOwnFiles, type TaskWithFiles } from './files.js';
import { prepareCgroups, settleCgroups } from './cgroups.js';
import { compareRelatives } from './heritage.js';
import { growTree, plantFirst } from './grow.js';
import { foundNamespaces, restoreNamespaces, settleNamespaces } from './namespaces.js';
import { hugePageNeeds, restoreMemory } from './memory.js';
import { openImages } from './open.js';
import { growThreads, restoreEarly, restorePhase } from './threads.js';
import type { RestoreRun } from './run.js';
import { setForeground } from './terminals.js';

const phase = (name: RestorePhase, run = (state: RestoreRun): void => restorePhase(state, name)): Stage<RestoreRun> => {
  const because = restorePhases.find((one) => one.name === name)?.because ?? '';
  return { name, because, run };
};

/** The whole order of a restore. */
export const restoreStages: readonly Stage<RestoreRun>[] = [
  { name: 'open', because: 'everything is decided from the images, before any process is made', run: openImages },
  { name: 'compare', because: 'what memory is needed, and what relatives have in common, is known before any of them is born', run: compareMemory },
  { name: 'cgroups', because: 'processes are born where they are charged for what they take; those made in vain go when all are dead', run: prepareCgroups },
  { name: 'seed', because: 'puppets are born of puppets: one has to be the first', run: (run) => run.reach('pre-restore').then(() => plantFirst(run)) },
  { name: 'found', because: 'processes are born into the namespaces of whoever bears them', run: foundNamespaces },
  { name: 'grow', because: 'children are born while their parents are blank, but for the memory that they share', run: growTree },
  { name: 'namespaces', because: 'what is in them is made by those who had made it, and memory is attached to it', run: restoreNamespaces },
  phase('early', restoreEarly),
  { name: 'memory', because: 'descriptors that mappings need come and go before the process has its own', run: restoreMemory },
  { name: 'settle', because: 'what nobody had attached by now would vanish', run: settleNamespaces },
  { name: 'files', because: 'all numbers are free now, and /proc and root are still ours', run: restoreAllFiles },
  { name: 'threads', because: 'they are born with memory, descriptors and directories to share', run: growThreads },
  { name: 'own-files', because: 'what /proc has of descriptors and threads can be opened when those are there', run: (run) => restoreOwnFiles(filesOf(run), run.files, run) },
  phase('late'),
  phase('last'),
  phase('arm'),
  { name: 'limits', because: 'nothing but a few calls is left that could run into a limit', run: settleCgroups },
  { name: 'become', because: 'with its own registers a puppet is none any more', run: (run) => run.reach('post-restore').then(() => becomeThemselves(run)) },
];

function compareMemory(run: RestoreRun): void {
  checkHugePages(hugePageNeeds(run));
  compareRelatives(run);
}

function filesOf(run: RestoreRun): TaskWithFiles[] {
  return run.plan.tasks.map(({ pid, ids }) => ({ task: run.task(pid), filesId: ids.filesId }));
}

function restoreAllFiles(run: RestoreRun): void {
  restoreFiles(filesOf(run), run.files, run);
  setForeground(run);
  for (const { pid } of run.plan.tasks) restoreFsInfo(run.task(pid), run.files, run);
  run.files.finish();
}
