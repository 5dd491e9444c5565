import { readFileSync } from 'node:fs';
import { Unsupported } from '../errors.js';
import { isSaneRing } from '../resources/memory/aio-rings.js';
import { VMA } from '../resources/memory/vma-status.js';
import type { DumpRun } from './run.js';

/**
 * No request may be under way: its answer would come to nobody. The kernel does not tell; but the tree stands still, so that
 * every disk that has been idle once since has done all that the tree had asked of it.
 */
export function judgeAioRings(run: DumpRun): void {
  const users = run.tasks.filter(({ pid }) => run.vmas.get(pid)?.some(({ entry }) => entry.status & VMA.AIORING));
  if (users.length === 0) return;
  const busy = run.running ? [] : busyDisks();
  for (const { pid, name, threads } of users) {
    run.emit({ type: 'warning', task: name, text: 'what native asynchronous I/O waits for (IOCB_CMD_POLL, files of network file systems) can not be seen: it would be lost' });
    for (const { entry, start, end } of run.vmas.get(pid) ?? []) {
      if (!(entry.status & VMA.AIORING)) continue;
      const object = `ring of asynchronous I/O at 0x${start.toString(16)}`;
      const header = run.running ? undefined : threads[0]?.tracee.read(start, 32);
      if (header !== undefined && !isSaneRing(header, end - start)) run.refuse(new Unsupported('vma', 'it is not as the kernel made it', { object, task: name }));
      if (busy.length > 0) run.refuse(new Unsupported('vma', `its requests may still be under way: ${busy.join(', ')} is busy`, { object, task: name, why: 'the kernel does not tell whose requests a disk works on', hint: 'try again' }));
    }
  }
}

/** Milliseconds that the disks have to become idle. */
const PATIENCE = 1000;
/** Column of /proc/diskstats: requests that were given to the disk and are not done (Documentation/admin-guide/iostats.rst). */
const IN_PROGRESS = 11;
/** From the disk's answer to the event in the ring. */
const SETTLING = 2;

/** Those that have always had something to do. */
function busyDisks(): string[] {
  let busy: string[] | undefined;
  for (const deadline = performance.now() + PATIENCE; ; Atomics.wait(never, 0, 0, 1)) {
    const now = readFileSync('/proc/diskstats', 'latin1').split('\n').map((line) => line.trim().split(/\s+/)).filter((columns) => Number(columns[IN_PROGRESS] ?? 0) > 0);
    const names = new Set(now.map((columns) => columns[2] ?? ''));
    busy = busy?.filter((name) => names.has(name)) ?? [...names];
    if (busy.length === 0) Atomics.wait(never, 0, 0, SETTLING);
    if (busy.length === 0 || performance.now() > deadline) return busy;
  }
}

/** Nobody ever wakes it: a sleep. */
const never = new Int32Array(new SharedArrayBuffer(4));
