// Limits of an ipc namespace: /proc/sys/kernel/{sem,msg*,shm*} (proc_sys_kernel(5)), /proc/sys/fs/mqueue (mq_overview(7)).
import type { ipc_var_entry } from '@criu-ts/images';
import { isAbsent, readWhole } from '@criu-ts/kernel/procfs';
import { writeFileSync } from 'node:fs';
import { ImageCorrupt } from '../errors.js';

type Field = keyof ipc_var_entry;

interface Sysctl {
  readonly field: Field;
  /** Below /proc/sys. */
  readonly file: string;
  /** Set when all processes have what they had: by itself it takes things away, or is used up by what is made. */
  readonly last?: true;
  /** A wish for the next id; -1, which can't be written: there is none. */
  readonly wish?: true;
}

const SYSCTLS: readonly Sysctl[] = [
  { field: 'semCtls', file: 'kernel/sem' },
  { field: 'msgCtlmax', file: 'kernel/msgmax' },
  { field: 'msgCtlmnb', file: 'kernel/msgmnb' },
  { field: 'msgCtlmni', file: 'kernel/msgmni' },
  { field: 'autoMsgmni', file: 'kernel/auto_msgmni' },
  { field: 'shmCtlmax', file: 'kernel/shmmax' },
  { field: 'shmCtlall', file: 'kernel/shmall' },
  { field: 'shmCtlmni', file: 'kernel/shmmni' },
  { field: 'shmRmidForced', file: 'kernel/shm_rmid_forced', last: true },
  { field: 'mqQueuesMax', file: 'fs/mqueue/queues_max' },
  { field: 'mqMsgMax', file: 'fs/mqueue/msg_max' },
  { field: 'mqMsgsizeMax', file: 'fs/mqueue/msgsize_max' },
  { field: 'mqMsgDefault', file: 'fs/mqueue/msg_default' },
  { field: 'mqMsgsizeDefault', file: 'fs/mqueue/msgsize_default' },
  { field: 'msgNextId', file: 'kernel/msg_next_id', last: true, wish: true },
  { field: 'semNextId', file: 'kernel/sem_next_id', last: true, wish: true },
  { field: 'shmNextId', file: 'kernel/shm_next_id', last: true, wish: true },
];

/** 64 bits in the images; the others have 32. */
const WIDE: ReadonlySet<Field> = new Set(['shmCtlmax', 'shmCtlall']);

/** Numbers of a file, all of them; undefined: this kernel has no such file. */
type Numbers = readonly bigint[] | undefined;

export type Sysctls = ReadonlyMap<Field, Numbers>;

/** Those of the namespace that we are in. */
export function readSysctls(): Sysctls {
  return new Map(SYSCTLS.map(({ field, file }) => [field, read(file)]));
}

function read(file: string): Numbers {
  try {
    return parseNumbers(readWhole(`/proc/sys/${file}`).toString('latin1'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** `32000\t1024000000\t500\t32000`. @throws SyntaxError where it is no number */
export function parseNumbers(text: string): bigint[] {
  return text.trim().split(/\s+/).map(BigInt);
}

/** Whether a segment that nobody has attached any more vanishes, in the namespace that we are in. */
export function removesUnattached(): boolean {
  return read('kernel/shm_rmid_forced')?.[0] === 1n;
}

/** In the images' words. What this kernel lacks is 0 where the message wants it, else left out. */
export function describeSysctls(sysctls: Sysctls): ipc_var_entry {
  const entry: Record<string, unknown> = {};
  for (const { field, wish } of SYSCTLS) {
    const numbers = sysctls.get(field);
    const [first = 0n] = numbers ?? [];
    if (field === 'semCtls') entry[field] = (numbers ?? []).map(Number);
    else if (wish === true) {
      if (numbers !== undefined && first >= 0n) entry[field] = Number(first);
    } else entry[field] = WIDE.has(field) ? first : Number(first);
  }
  return entry as unknown as ipc_var_entry;
}

/** What the images want. */
export function wantedSysctls(entry: ipc_var_entry): Sysctls {
  if (entry.semCtls.length !== 4) throw new ImageCorrupt(`${entry.semCtls.length} limits of semaphores instead of 4`, { object: 'ipcns-var' });
  return new Map(
    SYSCTLS.map(({ field }): [Field, Numbers] => {
      const value = entry[field];
      return [field, value === undefined ? undefined : Array.isArray(value) ? value.map(BigInt) : [BigInt(value)]];
    }),
  );
}

/**
 * Sets those that differ, of the namespace that we are in.
 * @param last those that have to wait until all processes have what they had; else all others
 */
export function writeSysctls(wanted: Sysctls, last: boolean): void {
  for (const { field, file, last: late = false, wish } of SYSCTLS) {
    const numbers = wanted.get(field);
    if (late !== last || numbers === undefined) continue;
    const current = read(file);
    // What a kernel lacks nobody in there can miss: CRIU writes 0 then.
    if (current === undefined || String(current) === String(numbers) || (wish === true && (numbers[0] ?? -1n) < 0n)) continue;
    writeFileSync(`/proc/sys/${file}`, numbers.join(' '));
  }
}

/** The larger one of each limit, and room for `bytes` in a queue: what is there may be more than could be made now. */
export function widened(current: Sysctls, wanted: Sysctls, bytes: number): Sysctls {
  const larger = (field: Field): Numbers => {
    const [a, b] = [current.get(field), wanted.get(field)];
    return a?.map((number, i) => ((b?.[i] ?? 0n) > number ? (b?.[i] as bigint) : number));
  };
  const wide = new Map(SYSCTLS.filter(({ last }) => last !== true).map(({ field }) => [field, larger(field)]));
  const [limit = 0n] = wide.get('msgCtlmnb') ?? [];
  if (BigInt(bytes) > limit) wide.set('msgCtlmnb', [BigInt(bytes)]);
  return wide;
}
