import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Assertions } from '../harness/round-trip.js';
import type { Workspace } from '../harness/workspace.js';

export const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** No process is left: neither under the pids of the images, nor below the shepherd, who adopts all that is orphaned. */
export async function nothingLeft(t: Assertions, ws: Workspace, { pids }: { readonly pids: readonly number[] }): Promise<boolean> {
  let left: number[] = [];
  for (let i = 0; i < 50; i++) {
    left = [...ws.shepherd.descendants(), ...pids.filter(exists)];
    if (left.length === 0) break;
    await sleep(10);
  }
  const names = left.map((pid) => `${pid} ${readOr(`/proc/${pid}/comm`).trim()} ${/State:.*/.exec(readOr(`/proc/${pid}/status`))?.[0] ?? ''}`);
  for (const pid of left) if (ws.shepherd.descendants().includes(pid)) process.kill(pid, 'SIGKILL');
  return t.same(names, [], 'no process is left');
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
