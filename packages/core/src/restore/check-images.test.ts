import type { mm_entry } from '@criu-ts/images';
import t from 'tap';
import { checkAddresses, checkThreads } from './check-images.js';

const tree = { pid: 4, ppid: 0, pgid: 4, sid: 4 };
const zero = Object.fromEntries(['mmStartCode', 'mmEndCode', 'mmStartData', 'mmEndData', 'mmStartStack', 'mmStartBrk', 'mmBrk', 'mmArgStart', 'mmArgEnd', 'mmEnvStart', 'mmEnvEnd'].map((name) => [name, 0n])) as unknown as mm_entry;
const noVmas = { ...zero, vmas: [] };
const vmas = (...ranges: readonly (readonly [bigint, bigint, number?])[]): mm_entry => ({ ...zero, vmas: ranges.map(([start, end, status = 1]) => ({ start, end, status })) }) as unknown as mm_entry;

const rows: readonly { readonly name: string; readonly check: () => void; readonly wrong?: RegExp }[] = [
  { name: 'threads', check: () => checkThreads({ ...tree, threads: [4, 5] }) },
  { name: 'no threads', check: () => checkThreads({ ...tree, threads: [] }), wrong: /no main thread/ },
  { name: 'another main thread', check: () => checkThreads({ ...tree, threads: [5] }), wrong: /no main thread/ },
  { name: 'a thread twice', check: () => checkThreads({ ...tree, threads: [4, 5, 5] }), wrong: /twice/ },
  { name: 'addresses', check: () => checkAddresses({ ...noVmas, mmEnvEnd: 0x7fff_ffff_f000n }, 4) },
  { name: 'an address of the kernel', check: () => checkAddresses({ ...noVmas, mmBrk: 0xffff_8000_0000_0000n }, 4), wrong: /mmBrk is 0xffff800000000000/ },
  { name: 'mappings', check: () => checkAddresses(vmas([0x1000n, 0x3000n], [0x3000n, 0x4000n], [0xffff_ffff_ff60_0000n, 0xffff_ffff_ff60_1000n, 4]), 4) },
  { name: 'a mapping of nothing', check: () => checkAddresses(vmas([0x1000n, 0x1000n]), 4), wrong: /mapping 1000-1000/ },
  { name: 'a mapping that ends before it begins', check: () => checkAddresses(vmas([0xffff_ffff_ffff_ffffn, 0x1000n]), 4), wrong: /mapping ffffffffffffffff-1000/ },
  { name: 'a part of a page', check: () => checkAddresses(vmas([0x1001n, 0x2000n]), 4), wrong: /mapping 1001-2000/ },
  { name: 'two at one place', check: () => checkAddresses(vmas([0x1000n, 0x3000n], [0x2000n, 0x4000n]), 4), wrong: /mapping 2000-4000/ },
  { name: 'above the user\'s half', check: () => checkAddresses(vmas([0x7fff_ffff_f000n, 0x8000_0000_0000n]), 4), wrong: /mapping 7ffffffff000-/ },
];

for (const { name, check, wrong } of rows) {
  t.test(name, async (t) => {
    if (wrong === undefined) t.doesNotThrow(check);
    else t.throws(check, { code: 'image-corrupt', message: wrong });
  });
}
