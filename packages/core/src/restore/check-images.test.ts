import type { mm_entry } from '@criu-ts/images';
import t from 'tap';
import { checkAddresses, checkThreads } from './check-images.js';

const tree = { pid: 4, ppid: 0, pgid: 4, sid: 4 };
const zero = Object.fromEntries(['mmStartCode', 'mmEndCode', 'mmStartData', 'mmEndData', 'mmStartStack', 'mmStartBrk', 'mmBrk', 'mmArgStart', 'mmArgEnd', 'mmEnvStart', 'mmEnvEnd'].map((name) => [name, 0n])) as unknown as mm_entry;

const rows: readonly { readonly name: string; readonly check: () => void; readonly wrong?: RegExp }[] = [
  { name: 'threads', check: () => checkThreads({ ...tree, threads: [4, 5] }) },
  { name: 'no threads', check: () => checkThreads({ ...tree, threads: [] }), wrong: /no main thread/ },
  { name: 'another main thread', check: () => checkThreads({ ...tree, threads: [5] }), wrong: /no main thread/ },
  { name: 'a thread twice', check: () => checkThreads({ ...tree, threads: [4, 5, 5] }), wrong: /twice/ },
  { name: 'addresses', check: () => checkAddresses({ ...zero, mmEnvEnd: 0x7fff_ffff_f000n }, 4) },
  { name: 'an address of the kernel', check: () => checkAddresses({ ...zero, mmBrk: 0xffff_8000_0000_0000n }, 4), wrong: /mmBrk is 0xffff800000000000/ },
];

for (const { name, check, wrong } of rows) {
  t.test(name, async (t) => {
    if (wrong === undefined) t.doesNotThrow(check);
    else t.throws(check, { code: 'image-corrupt', message: wrong });
  });
}
