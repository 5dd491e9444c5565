import type { core_entry } from '@criu-ts/images';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import type { DumpTask, DumpThread } from '../../model/dump-task.js';
import { type DumpContext, NeedsFreezing, type RestoreContext } from '../contexts.js';
import { type ProcessFacet, type ProcessToRestore, type RestorePhase, restorePhases, type RestoreStep, type ThreadFacet, type ThreadToRestore } from '../facets.js';
import { affinity } from './affinity.js';
import { altstack } from './altstack.js';
import { autogroup } from './autogroup.js';
import { coreScheduling } from './core-scheduling.js';
import { creds } from './creds.js';
import { itimers } from './itimers.js';
import { processKeyrings, threadKeyring } from './keyrings.js';
import { ioFlusher, machineChecks } from './machine-checks.js';
import { mainThread } from './main-thread.js';
import { membarrier } from './membarrier.js';
import { memoryPolicy } from './memory-policy.js';
import { denyWriteExecute, dumpable, lockFuture, memoryMerge, transparentHugePages } from './mm-flags.js';
import { comm, parentDeathSignal } from './names.js';
import { sharedSignals, threadSignals } from './pending-signals.js';
import { personality, threadPersonality } from './personality.js';
import { posixTimers } from './posix-timers.js';
import { addressTags, cpuidFaulting, speculation, timestampCounter, xstatePermissions } from './processor-modes.js';
import { childSubreaper, coredumpFilter, loginUid, oomScore, runState } from './process-state.js';
import { registeredRings } from './registered-rings.js';
import { rlimits } from './rlimits.js';
import { robustList } from './robust-list.js';
import { rseq } from './rseq.js';
import { scheduling } from './scheduling.js';
import { seccomp, threadSeccomp } from './seccomp.js';
import { ioPorts, localDescriptors } from './segments.js';
import { sigactions } from './sigactions.js';
import { signalMask } from './signal-mask.js';
import { noTerminal } from './terminal.js';
import { tidAddress } from './tid-address.js';
import { userDispatch } from './user-dispatch.js';

/** In a phase they are restored in this order: actions before signals, or the kernel drops those that are ignored. */
export const processFacets: readonly ProcessFacet[] = [
  runState,
  mainThread,
  personality,
  oomScore,
  coredumpFilter,
  loginUid,
  noTerminal,
  autogroup,
  transparentHugePages,
  memoryMerge,
  lockFuture,
  addressTags,
  xstatePermissions,
  localDescriptors,
  processKeyrings,
  sigactions,
  sharedSignals,
  posixTimers,
  childSubreaper,
  membarrier,
  seccomp,
  rlimits,
  denyWriteExecute,
  dumpable,
  itimers,
];

/** A thread makes six calls for all of these together: altstack, tidAddress, parentDeathSignal, creds, timestampCounter, threadKeyring. */
export const threadFacets: readonly ThreadFacet[] = [
  signalMask,
  affinity,
  comm,
  threadPersonality,
  machineChecks,
  ioFlusher,
  memoryPolicy,
  timestampCounter,
  cpuidFaulting,
  speculation,
  ioPorts,
  threadKeyring,
  coreScheduling,
  scheduling,
  altstack,
  robustList,
  rseq,
  tidAddress,
  threadSignals,
  threadSeccomp,
  registeredRings,
  userDispatch,
  creds,
  parentDeathSignal,
];

/** Refuses what can't be kept; before any task is steered. */
export function judgeFacets(task: DumpTask, at: DumpContext): void {
  for (const facet of processFacets) judgeIfPossible(facet.name, task, at, () => facet.judge?.(task, at));
  for (const thread of task.threads) for (const facet of threadFacets) judgeIfPossible(facet.name, task, at, () => facet.judge?.(thread, at));
}

function judgeIfPossible(facet: string, task: DumpTask, at: DumpContext, judge: () => void): void {
  try {
    judge();
  } catch (error) {
    if (!(error instanceof NeedsFreezing)) throw error;
    at.emit({ type: 'warning', task: task.name, text: `whether its ${facet} can be dumped shows only when it is stopped: ${error.message}` });
  }
}

/** Fills in the process's part of the main thread's image, `task.threads[0].core`. */
export function captureProcess(task: DumpTask, core: core_entry, remote: RemoteSyscalls, at: DumpContext): void {
  for (const facet of processFacets) facet.capture(task, core, remote, at);
}

export function captureThread(thread: DumpThread, remote: RemoteSyscalls, at: DumpContext): void {
  for (const facet of threadFacets) facet.capture(thread, remote, at);
}

/** What one phase does to a process: its own part, then each thread's in that thread; a batch for each thread. */
export function restoreFacets(phase: RestorePhase, process: ProcessToRestore, threads: readonly ThreadToRestore[], at: RestoreContext): void {
  const [main, ...others] = threads;
  process.puppet.batch((batch) => {
    for (const { run } of processSteps(phase)) run(process, batch, at);
    if (main?.puppet !== process.puppet) return;
    for (const { run } of threadSteps(phase)) run(main, batch, at);
  });
  restoreThreadFacets(phase, main?.puppet === process.puppet ? others : threads, at);
}

export function restoreThreadFacets(phase: RestorePhase, threads: readonly ThreadToRestore[], at: RestoreContext): void {
  for (const thread of threads) {
    thread.puppet.batch((batch) => {
      for (const { run } of threadSteps(phase)) run(thread, batch, at);
    });
  }
}

type Steps<Run> = readonly RestoreStep<Run>[];

function byPhase<Run>(facets: readonly { readonly restore: Steps<Run> }[]): (phase: RestorePhase) => Steps<Run> {
  const steps = new Map(restorePhases.map(({ name }) => [name, facets.flatMap(({ restore }) => restore.filter(({ phase }) => phase === name))]));
  return (phase) => steps.get(phase) ?? [];
}

const processSteps = byPhase(processFacets);
const threadSteps = byPhase(threadFacets);

export { allowHugePages } from './mm-flags.js';
export { judgeCredentials } from './become-user.js';
export { restoreAffinity } from './affinity.js';
export { blankTaskCore, blankThreadCore, readTaskCore, readThreadCore, TASK_STATE, zombieCore } from './core-images.js';
export { coresOf, judgeOrphans, mainHasEnded } from './main-thread.js';
export { type FinalCall, finalCalls } from './final-calls.js';
export { seccompFilters } from './seccomp.js';
export { abortCriticalSection, readRseqCs, restoreRseqCs, type RseqCs } from './rseq.js';
export { sigmaskOf } from './signal-mask.js';
export { interruptionOf, mendInterrupted } from './interruption.js';
export { type Interruption, resumeRegisters } from './restart.js';
export { sampleSleepers, type Sleepers, stillSleeping } from './sleepers.js';
