import { readFileSync } from 'node:fs';
import type { Assertions } from '../harness/round-trip.js';
import { killAll } from '../harness/shepherd.js';
import { waitFor } from '../harness/wait.js';
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
  const looked = (): boolean => (left = [...ws.shepherd.descendants(), ...pids.filter(exists)]).length === 0;
  await waitFor('nobody to be left', looked, 10_000).catch(() => undefined);
  const names = left.map((pid) => `${pid} ${readOr(`/proc/${pid}/comm`).trim()} ${/State:.*/.exec(readOr(`/proc/${pid}/status`))?.[0] ?? ''}`);
  if (left.length > 0) killAll(ws.shepherd.descendants());
  return t.same(names, [], 'no process is left');
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
