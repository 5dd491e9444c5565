import type { mm_entry } from '@criu-ts/images';
import { MAP, MCL, PR, PROT, SYS } from '@criu-ts/kernel/abi';
import { readAuxv, readSmaps, readStatus } from '@criu-ts/kernel/procfs';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import type { DumpTask } from '../../model/dump-task.js';
import { aioEntries } from './aio-rings.js';
import type { DescribedVma } from './describe-vmas.js';
import { PAGE } from './vma-status.js';

/** Words that images have: 22 pairs, padded with AT_NULL (CRIU reads no more). */
const AUXV_WORDS = 44;

/** mm_struct's fields from /proc/PID/stat and auxv; brk(2) tells the break by the byte. */
export function captureMm(task: DumpTask, remote: RemoteSyscalls, vmas: readonly DescribedVma[], exeFileId: number): mm_entry {
  const { stat } = task;
  const hugePages = remote.call(SYS.prctl, PR.GET_THP_DISABLE, 0, 0, 0, 0);
  const future = lockOfFuture(task.pid, remote, vmas);
  return {
    mmStartCode: BigInt(stat.startCode),
    mmEndCode: BigInt(stat.endCode),
    mmStartData: BigInt(stat.startData),
    mmEndData: BigInt(stat.endData),
    mmStartStack: BigInt(stat.startStack),
    mmStartBrk: BigInt(stat.startBrk),
    mmBrk: BigInt(remote.call(SYS.brk, 0)),
    mmArgStart: BigInt(stat.argStart),
    mmArgEnd: BigInt(stat.argEnd),
    mmEnvStart: BigInt(stat.envStart),
    mmEnvEnd: BigInt(stat.envEnd),
    exeFileId,
    mmSavedAuxv: auxvWords(task.pid),
    vmas: vmas.map(({ entry }) => entry),
    dumpable: remote.call(SYS.prctl, PR.GET_DUMPABLE),
    aios: aioEntries(vmas.map(({ entry }) => entry)),
    thpDisabled: (hugePages & 1) === 1,
    ...(hugePages > 1 && { thpDisableFlags: hugePages & ~1 }),
    // EINVAL: an older kernel, or one without KSM.
    ...(remote.call(SYS.prctl, PR.GET_MEMORY_MERGE, 0, 0, 0, 0) === 1 && { memoryMerge: true }),
    ...(future !== 0 && { lockFuture: future }),
  };
}

const EAGAIN = 11;

/**
 * Whether new mappings are locked (mlockall(2) with MCL_FUTURE): nothing tells, so one is made for a moment, a page that
 * nobody can reach. Only where something is locked already.
 * @returns MCL_*
 */
function lockOfFuture(pid: number, remote: RemoteSyscalls, vmas: readonly DescribedVma[]): number {
  if (!vmas.some(({ entry }) => (entry.flags & MAP.LOCKED) !== 0)) return 0;
  const locked = (): number => readStatus(pid).kib['VmLck'] ?? 0;
  const before = locked();
  const at = remote.call(SYS.mmap, 0, PAGE, PROT.NONE, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  // It would be locked, and RLIMIT_MEMLOCK is reached.
  if (at === -EAGAIN) return MCL.FUTURE;
  if (at < 0) throw new SyscallFailed('mmap of a page', -at);
  try {
    if (locked() === before) return 0;
    const onFault = readSmaps(pid).some(({ start, end, flags }) => start <= at && at < end && flags.has('lf'));
    return MCL.FUTURE | (onFault ? MCL.ONFAULT : 0);
  } finally {
    remote.call(SYS.munmap, at, PAGE);
  }
}

function auxvWords(pid: number): bigint[] {
  const words = readAuxv(pid).flatMap(({ type, value }) => [BigInt(type), value]);
  while (words.length < AUXV_WORDS) words.push(0n);
  return words.slice(0, AUXV_WORDS);
}
