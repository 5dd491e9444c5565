import type { Stage } from '../stage.js';
import { captureTasks } from './capture.js';
import { commitImages } from './commit.js';
import { finishPages } from './finish.js';
import { freezeTree, releaseTree } from './freeze.js';
import { inspectTasks } from './inspect.js';
import { judgeTasks } from './judge.js';
import { allocatePages, dumpPages } from './pages.js';
import { probeHost } from './probe.js';
import type { DumpRun } from './run.js';

/** The whole order of a dump. */
export const dumpStages: readonly Stage<DumpRun>[] = [
  { name: 'probe', because: 'what this host can do is known before anything is stopped', run: probeHost },
  { name: 'allocate', because: 'space for the pages is taken while the tree still runs: a full disk shows now, and writing is mere copying', run: (run) => run.reach('pre-dump').then(() => allocatePages(run)) },
  { name: 'freeze', because: 'what is looked at must not change', run: freezeTree },
  { name: 'inspect', because: 'everything is known from /proc before any task is steered', run: inspectTasks },
  { name: 'judge', because: 'all that stands in the way is told at once, before anything is written', run: judgeTasks },
  { name: 'capture', because: 'what /proc does not tell the tasks themselves are asked', run: captureTasks },
  { name: 'pages', because: 'calls of the tasks are over: no more memory of theirs changes', run: dumpPages },
  { name: 'commit', because: 'the inventory, written last, says that all the rest is there', run: commitImages },
  { name: 'release', because: 'images are complete: the tree may go on or end', run: (run) => run.reach('post-dump').then(() => releaseTree(run)) },
  { name: 'finish', because: 'compression and checksums need nobody to stand still', run: finishPages },
];
