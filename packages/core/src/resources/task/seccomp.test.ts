import t from 'tap';
import { sock_filter } from '@criu-ts/kernel/abi';
import { asksSupervisor } from './seccomp.js';

const program = (...instructions: { code: number; k: number }[]): Uint8Array => Buffer.concat(instructions.map(({ code, k }) => sock_filter.encode({ code, jt: 0, jf: 0, k })));

const rows = [
  { name: 'no instruction', instructions: [], asks: false },
  { name: 'allow all', instructions: [{ code: 0x06, k: 0x7fff_0000 }], asks: false },
  { name: 'kill', instructions: [{ code: 0x06, k: 0x8000_0000 }], asks: false },
  { name: 'ask', instructions: [{ code: 0x20, k: 0 }, { code: 0x06, k: 0x7fc0_0000 }], asks: true },
  { name: 'ask, with data', instructions: [{ code: 0x06, k: 0x7fc0_0007 }], asks: true },
  { name: 'the same number, compared with', instructions: [{ code: 0x15, k: 0x7fc0_0000 }, { code: 0x06, k: 0x7fff_0000 }], asks: false },
];

for (const { name, instructions, asks } of rows) t.test(name, async (t) => t.equal(asksSupervisor(program(...instructions)), asks));
