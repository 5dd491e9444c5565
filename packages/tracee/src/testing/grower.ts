// A program of its own that makes puppets, tells their ids, steers them, and is killed over it.
import { CLONE, SYS } from '@criu-ts/kernel/abi';
import { plantSeed } from '../seed.js';

const seed = plantSeed(0x100_0000_0000);
const child = seed.clone({ flags: CLONE.PARENT, exitSignal: 0, setTid: [] });
const grandchild = child.clone({ flags: 0, exitSignal: 17, setTid: [] });
process.stdout.write([seed, child, grandchild].map(({ tracee }) => tracee.pid).join('\n'));
for (;;) for (const puppet of [seed, child, grandchild]) puppet.batch((b) => { for (let i = 0; i < 100; i++) b.call(SYS.getpid); });
