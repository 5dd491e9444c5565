import { W, WAIT } from '@criu-ts/kernel/abi';
import { wait4 } from '@criu-ts/kernel/sys';
import { parseWaitStatus } from '@criu-ts/tracee';
import { TraceeDied } from '../errors.js';
import type { TaskEnd } from '../options.js';

/** Milliseconds between two looks; a child of ours that libuv does not know makes no event. */
const INTERVAL = 20;

/** Waits for the end of a child of ours, without a thread: it may live for weeks. */
export async function waitForEnd(pid: number): Promise<TaskEnd> {
  for (;;) {
    const waited = wait4(pid, W.NOHANG | WAIT.ALL);
    if (waited !== undefined) {
      if ('errno' in waited) throw new TraceeDied('it is no child of ours', { task: { pid } });
      const status = parseWaitStatus(waited.status);
      if (status.kind === 'exited') return { exitCode: status.code };
      if (status.kind === 'killed') return { signal: status.signal };
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}

