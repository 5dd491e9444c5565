import { MAP, PROT, SYS } from '@criu-ts/kernel/abi';
import { readMaps } from '@criu-ts/kernel/procfs';
import { sys } from '@criu-ts/kernel/sys';

const PAGE = 4096;
let device: string | undefined;

/** `major:minor` of the kernel's own tmpfs, where anonymous shared memory and memfds live: as a mapping of ours shows it. */
export function shmemDevice(): string {
  if (device !== undefined) return device;
  const address = sys(SYS.mmap, 0, PAGE, PROT.READ, MAP.SHARED | MAP.ANONYMOUS, -1, 0);
  try {
    const mapping = readMaps('self').find(({ start, end }) => start <= address && address < end);
    if (mapping === undefined) throw new Error('a mapping of ours is not in /proc/self/maps');
    device = `${mapping.devMajor}:${mapping.devMinor}`;
    return device;
  } finally {
    sys(SYS.munmap, address, PAGE);
  }
}
