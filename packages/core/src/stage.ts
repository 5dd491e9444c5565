import { errnoName } from '@criu-ts/kernel/abi';
import { describeCall } from '@criu-ts/kernel/sys';
import type { SyscallObserver } from '@criu-ts/tracee';
import type { CriuEvent, CriuEventBody } from './events.js';
import { Bug } from './errors.js';
import type { CommonOptions } from './options.js';

/** A step of a dump or restore. Inside of it order does not matter; where it does, it is two stages. */
export interface Stage<Run> {
  readonly name: string;
  /** Why it stands here and no earlier or later. */
  readonly because: string;
  run(state: Run): void | Promise<void>;
}

export type Emit = (event: CriuEventBody) => void;

/** Adds the time since `start`; what a listener throws is its own affair. */
export function emitter({ onEvent }: CommonOptions, start: number): Emit {
  if (onEvent === undefined) return () => undefined;
  return (event) => {
    try {
      onEvent({ at: performance.now() - start, ...event } as CriuEvent);
    } catch {
      // documented at onEvent
    }
  };
}

/** Turns remote calls into events, where they were asked for. */
export function syscallObserver(options: CommonOptions, emit: Emit): SyscallObserver | undefined {
  if (options.traceSyscalls !== true) return undefined;
  return (tid, nr, args, result) => {
    const outcome = result < 0 && result > -4096 ? errnoName(-result) : result > 4095 ? `0x${result.toString(16)}` : String(result);
    emit({ type: 'syscall', tid, text: `${describeCall(nr, args)} = ${outcome}` });
  };
}

/** Runs stages in order, with their events, the abort signal and the fault point. */
export async function runStages<Run>(stages: readonly Stage<Run>[], run: Run, options: CommonOptions, emit: Emit): Promise<void> {
  const { signal, faultPoint } = options;
  if (faultPoint !== undefined && !stages.some(({ name }) => name === faultPoint.stage)) {
    throw new Bug(`there is no stage ${faultPoint.stage}: ${stages.map(({ name }) => name).join(', ')}`);
  }
  for (const stage of stages) {
    if (signal !== undefined) {
      // An abort can only be noticed when the event loop has its turn.
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
    emit({ type: 'stage-begin', stage: stage.name });
    const begin = performance.now();
    let done = false;
    try {
      await stage.run(run);
      if (faultPoint?.stage === stage.name) {
        if (faultPoint.action === 'kill') process.kill(process.pid, 'SIGKILL');
        throw new Bug(`the fault point of stage ${stage.name}`);
      }
      done = true;
    } finally {
      emit({ type: 'stage-end', stage: stage.name, ms: performance.now() - begin, ...(!done && { failed: true }) });
    }
  }
}
