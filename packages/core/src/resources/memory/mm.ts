import type { mm_entry } from '@criu-ts/images';
import { PR, SYS } from '@criu-ts/kernel/abi';
import { readAuxv } from '@criu-ts/kernel/procfs';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import type { DumpTask } from '../../model/dump-task.js';
import type { DescribedVma } from './describe-vmas.js';

/** Words that images have: 22 pairs, padded with AT_NULL (CRIU reads no more). */
const AUXV_WORDS = 44;

/** mm_struct's fields from /proc/PID/stat and auxv; brk(2) tells the break by the byte. */
export function captureMm(task: DumpTask, remote: RemoteSyscalls, vmas: readonly DescribedVma[], exeFileId: number): mm_entry {
  const { stat } = task;
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
    aios: [],
    thpDisabled: remote.call(SYS.prctl, PR.GET_THP_DISABLE, 0, 0, 0, 0) === 1,
  };
}

function auxvWords(pid: number): bigint[] {
  const words = readAuxv(pid).flatMap(({ type, value }) => [BigInt(type), value]);
  while (words.length < AUXV_WORDS) words.push(0n);
  return words.slice(0, AUXV_WORDS);
}
