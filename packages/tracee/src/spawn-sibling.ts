import { clone_args, CLONE, SYS } from '@criu-ts/kernel/abi';
import { mapCode, Memory, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { siblingBase64 } from './gen/native.js';

const PATH = 128;
const ARGV = 1024;
const SET_TID = 1100;
const NAME = 1200;
const MASK = 1300;
const ORDER = 1400;
const RESULT = 40;
const ALL = 0xffff_ffff_ffff_ffffn;
const SIG_SETMASK = 2;

/**
 * Executes a program as our sibling: a child of our parent (CLONE_PARENT), which is told of its end, with a PID of our choice.
 * Its signals are all blocked.
 * @throws SyscallFailed EEXIST: the PID is taken
 */
export function spawnSibling(path: string, name: string, pid: number): void {
  const memory = new Memory(2048);
  const { view, address } = memory;
  view.setInt32(SET_TID, pid, true);
  clone_args.write(view, 0, { flags: BigInt(CLONE.PARENT | CLONE.VM | CLONE.VFORK), set_tid: address + SET_TID, set_tid_size: 1n });
  const argv0 = memory.putString(name, NAME);
  view.setBigUint64(ARGV, BigInt(argv0), true);
  const words = [address, clone_args.size, memory.putString(path, PATH), address + ARGV, address + ARGV + 8, 0];
  words.forEach((word, i) => view.setBigUint64(ORDER + 8 * i, BigInt(word), true));
  const spawn = mapCode(Buffer.from(siblingBase64, 'base64'));
  // No handler of ours may run in the newborn while it has our memory.
  view.setBigUint64(MASK, ALL, true);
  sys(SYS.rt_sigprocmask, SIG_SETMASK, address + MASK, address + MASK + 8, 8);
  try {
    spawn(0, 0, address + ORDER);
  } finally {
    sys(SYS.rt_sigprocmask, SIG_SETMASK, address + MASK + 8, 0, 8);
  }
  const result = Number(view.getBigInt64(ORDER + RESULT, true));
  if (result < 0) throw new SyscallFailed(`clone3(CLONE_PARENT, set_tid ${pid})`, -result);
}
