// time_namespaces(7): a monotonic and a boot-time clock of its own, which go on from where they were at the dump.
import { IMAGE_TYPES, type timens_entry } from '@criu-ts/images';
import { AT, CLOCK, CLONE, O, SYS } from '@criu-ts/kernel/abi';
import { type ClockOffsets, readClockOffsets } from '@criu-ts/kernel/procfs';
import { scratch, sys } from '@criu-ts/kernel/sys';
import { writeFileSync } from 'node:fs';
import type { NamespaceKind } from '../namespace-kind.js';

const SECOND = 1_000_000_000n;

const CLOCKS = [
  { name: 'monotonic', clock: CLOCK.MONOTONIC },
  { name: 'boottime', clock: CLOCK.BOOTTIME },
] as const satisfies readonly { readonly name: keyof ClockOffsets; readonly clock: number }[];

export const time: NamespaceKind = {
  name: 'time',
  flag: CLONE.NEWTIME,

  // Also where the tree shares ours: CRIU has the clocks go on in any case.
  capture({ path, id, tasks }, at) {
    const root = tasks[0]?.pid;
    const theirs = path === undefined || root === undefined ? undefined : readClockOffsets(root);
    const entry = Object.fromEntries(CLOCKS.map(({ name, clock }) => [name, timespec(now(clock) + (theirs === undefined ? 0n : theirs[name] - readClockOffsets('self')[name]))]));
    at.append<timens_entry>(IMAGE_TYPES.timens, entry as Required<timens_entry>, path === undefined ? 0 : id);
  },

  found(id, seed, at) {
    const entry = at.images.readOne(IMAGE_TYPES.timens, id);
    const ours = readClockOffsets('self');
    const lines = CLOCKS.map(({ name, clock }) => {
      const { tvSec, tvNsec } = entry[name];
      const { seconds, nanoseconds } = split(tvSec * SECOND + tvNsec - (now(clock) - ours[name]));
      return `${clock} ${seconds} ${nanoseconds}\n`;
    });
    // All at once, and before anybody is in it: then they can't be changed any more.
    writeFileSync(`/proc/${seed.tracee.pid}/timens_offsets`, lines.join(''));
    seed.batch((b) => {
      const file = b.doing('enter the time namespace').call(SYS.openat, AT.FDCWD, b.string('/proc/self/ns/time_for_children'), O.RDONLY, 0);
      b.call(SYS.setns, file, CLONE.NEWTIME);
      b.call(SYS.close, file);
    });
  },
};

/** clock_gettime(2), in nanoseconds: what this process sees. */
function now(clock: number): bigint {
  sys(SYS.clock_gettime, clock, scratch.address);
  return scratch.view.getBigUint64(0, true) * SECOND + scratch.view.getBigUint64(8, true);
}

function timespec(nanoseconds: bigint): timens_entry['monotonic'] {
  return { tvSec: nanoseconds / SECOND, tvNsec: nanoseconds % SECOND };
}

/** Nanoseconds are counted up, as in a struct timespec64 that is less than zero. */
export function split(offset: bigint): { readonly seconds: bigint; readonly nanoseconds: bigint } {
  const nanoseconds = ((offset % SECOND) + SECOND) % SECOND;
  return { seconds: (offset - nanoseconds) / SECOND, nanoseconds };
}
