// A program of its own, that steers another and is killed over it: usage steerer PID, then a byte on stdin.
import { SYS } from '@criu-ts/kernel/abi';
import { getAffinity } from '@criu-ts/kernel/sys';
import { FrozenTree } from '../freezer.js';
import { RemoteSyscalls } from '../remote-syscalls.js';
import { borrowCode, frozenProcess } from './victims.js';

/** Freezes and steers for ever; tells by a byte when it begins. */
function steerForEver(pid: number): void {
  process.stdout.write('.');
  const pin = new Uint8Array(getAffinity(0).length);
  for (let round = 0; ; round++) {
    using tree = FrozenTree.freeze(pid, { timeout: 5000 });
    const frozen = frozenProcess(tree, pid);
    const code = borrowCode(frozen);
    pin[0] = 1 + (round % 2);
    for (const thread of frozen.threads) {
      using remote = new RemoteSyscalls(thread, code, { pin });
      remote.write(remote.data, new Uint8Array(RemoteSyscalls.dataSize).fill(0xcc));
      for (let i = 0; i < 4; i++) if (remote.call(SYS.getcwd, remote.data, 4096) < 0) throw new Error('getcwd failed');
    }
  }
}

process.stdin.once('data', () => steerForEver(Number(process.argv[2])));
