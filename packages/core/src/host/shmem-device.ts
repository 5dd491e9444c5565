import { memfd } from '@criu-ts/kernel/sys';
import { major, minor } from '@criu-ts/kernel/abi';
import { statOf } from '../files/paths.js';

let device: string | undefined;

/** `major:minor` of the kernel's own tmpfs, where anonymous shared memory and memfds live, as maps shows it. */
export function shmemDevice(): string {
  if (device === undefined) {
    using file = memfd('criu-ts');
    const { dev } = statOf(file);
    device = `${major(dev)}:${minor(dev)}`;
  }
  return device;
}
