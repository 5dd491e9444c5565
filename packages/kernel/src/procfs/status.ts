// /proc/PID/status (proc_pid_status(5), fs/proc/array.c).
import { ProcFormatError, type UnknownField } from './errors.js';
import { decimal, decimal64, hex64, linesOf, octal } from './lines.js';
import { decodePath } from './path-text.js';
import { type ProcTask, readProc } from './read.js';

/** Real, effective, saved and file-system id. */
export interface Ids {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly fs: number;
}

export interface ProcStatus {
  /** The thread's name, at most 15 bytes, unescaped. */
  readonly name: string;
  /** undefined: a zombie or a kernel before 4.7. */
  readonly umask: number | undefined;
  /** R, S, D, T (stopped), t (traced), Z, X, I, P. */
  readonly state: string;
  readonly tgid: number;
  readonly pid: number;
  readonly ppid: number;
  /** 0: nobody traces it. */
  readonly tracerPid: number;
  readonly uid: Ids;
  readonly gid: Ids;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Ids in our PID namespace first, in the innermost last. */
  readonly nsTgid: readonly number[];
  readonly nsPid: readonly number[];
  readonly nsPgid: readonly number[];
  readonly nsSid: readonly number[];
  readonly kthread: boolean | undefined;
  readonly threads: number;
  /** Queued signals of the user, and their limit. undefined: a zombie. */
  readonly sigQueue: { readonly queued: number; readonly limit: bigint } | undefined;
  /** Signal sets; signal 1 is bit 0. `sigPnd` is this thread's, `shdPnd` the process's. */
  readonly sigPnd: bigint;
  readonly shdPnd: bigint;
  readonly sigBlk: bigint;
  readonly sigIgn: bigint;
  readonly sigCgt: bigint;
  readonly capInh: bigint;
  readonly capPrm: bigint;
  readonly capEff: bigint;
  readonly capBnd: bigint;
  readonly capAmb: bigint;
  readonly noNewPrivs: boolean;
  /** SECCOMP.MODE_*; 0 where the kernel has no seccomp. */
  readonly seccomp: number;
  /** How many filters are installed; undefined before 5.9. */
  readonly seccompFilters: number | undefined;
  readonly speculationStoreBypass: string | undefined;
  readonly speculationIndirectBranch: string | undefined;
  /** THP_enabled: PR_SET_THP_DISABLE shows as false. */
  readonly thpEnabled: boolean | undefined;
  /** Which bits of an address count: all, unless some hold tags (Linear Address Masking). undefined: the kernel has no such thing. */
  readonly untagMask: bigint | undefined;
  /** Thread features of shadow stacks (x86_Thread_features); undefined: not offered. */
  readonly x86ThreadFeatures: readonly string[] | undefined;
  readonly x86ThreadFeaturesLocked: readonly string[] | undefined;
  /** Hexadecimal CPU mask with commas, as shown. */
  readonly cpusAllowed: string;
  readonly memsAllowed: string;
  /** Sizes in KiB by name (VmSize, VmLck, RssAnon, …); missing for kernel threads and zombies. */
  readonly kib: Readonly<Record<string, number>>;
  readonly unknown: readonly UnknownField[];
}

/** Without meaning for what a task is: bookkeeping of the kernel, or the same again in other words. */
const ignored: ReadonlySet<string> = new Set([
  'Ngid',
  'FDSize',
  'CoreDumping',
  'Cpus_allowed_list',
  'Mems_allowed_list',
  'voluntary_ctxt_switches',
  'nonvoluntary_ctxt_switches',
]);

const known: ReadonlySet<string> = new Set(
  ('Name Umask State Tgid Pid PPid TracerPid Uid Gid Groups NStgid NSpid NSpgid NSsid Kthread Threads SigQ SigPnd ShdPnd ' +
    'SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters Speculation_Store_Bypass ' +
    'SpeculationIndirectBranch THP_enabled untag_mask x86_Thread_features x86_Thread_features_locked Cpus_allowed Mems_allowed').split(' '),
);

/** @throws ProcessGone, ProcFormatError */
export function readStatus(task: ProcTask): ProcStatus {
  return parseStatus(readProc(task, 'status').toString('latin1'));
}

/** `text` is Latin-1, a character a byte. @throws ProcFormatError */
export function parseStatus(text: string): ProcStatus {
  const values = new Map<string, string>();
  const kib: Record<string, number> = {};
  const unknown: UnknownField[] = [];
  for (const line of linesOf(text)) {
    const colon = line.indexOf(':');
    if (colon < 0) throw new ProcFormatError('status', line, 'no colon');
    const key = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[\t ]/, '');
    const size = /^ *([0-9]+) kB$/.exec(value);
    if (known.has(key)) values.set(key, value);
    else if (size !== null) kib[key] = Number(size[1]);
    else if (!ignored.has(key)) unknown.push({ key, value });
  }

  const get = (key: string): string => {
    const value = values.get(key);
    if (value === undefined) throw new ProcFormatError('status', key, 'missing');
    return value;
  };
  const optional = <T>(key: string, parse: (value: string) => T): T | undefined => {
    const value = values.get(key);
    return value === undefined ? undefined : parse(value);
  };
  const number = (value: string): number => decimal('status', value);
  const numbers = (value: string): number[] => words(value).map(number);
  const set = (key: string): bigint => hex64('status', get(key));
  const ids = (key: string): Ids => {
    const [real, effective, saved, fs, ...rest] = numbers(get(key));
    if (real === undefined || effective === undefined || saved === undefined || fs === undefined || rest.length > 0) {
      throw new ProcFormatError('status', get(key), `${key} is not four ids`);
    }
    return { real, effective, saved, fs };
  };

  return {
    name: decodePath(Buffer.from(unescapeName(get('Name')), 'latin1')),
    umask: optional('Umask', (value) => octal('status', value)),
    state: get('State').slice(0, 1),
    tgid: number(get('Tgid')),
    pid: number(get('Pid')),
    ppid: number(get('PPid')),
    tracerPid: number(get('TracerPid')),
    uid: ids('Uid'),
    gid: ids('Gid'),
    groups: numbers(get('Groups')),
    nsTgid: optional('NStgid', numbers) ?? [],
    nsPid: optional('NSpid', numbers) ?? [],
    nsPgid: optional('NSpgid', numbers) ?? [],
    nsSid: optional('NSsid', numbers) ?? [],
    kthread: optional('Kthread', (value) => value === '1'),
    threads: number(get('Threads')),
    sigQueue: optional('SigQ', (value) => {
      const [queued, limit] = value.split('/');
      return { queued: number(queued ?? ''), limit: decimal64('status', limit) };
    }),
    sigPnd: set('SigPnd'),
    shdPnd: set('ShdPnd'),
    sigBlk: set('SigBlk'),
    sigIgn: set('SigIgn'),
    sigCgt: set('SigCgt'),
    capInh: set('CapInh'),
    capPrm: set('CapPrm'),
    capEff: set('CapEff'),
    capBnd: set('CapBnd'),
    capAmb: optional('CapAmb', (value) => hex64('status', value)) ?? 0n,
    noNewPrivs: optional('NoNewPrivs', (value) => value === '1') ?? false,
    seccomp: optional('Seccomp', number) ?? 0,
    seccompFilters: optional('Seccomp_filters', number),
    speculationStoreBypass: values.get('Speculation_Store_Bypass'),
    speculationIndirectBranch: values.get('SpeculationIndirectBranch'),
    thpEnabled: optional('THP_enabled', (value) => value === '1'),
    untagMask: optional('untag_mask', (value) => hex64('status', value.replace(/^0x/, ''))),
    x86ThreadFeatures: optional('x86_Thread_features', words),
    x86ThreadFeaturesLocked: optional('x86_Thread_features_locked', words),
    cpusAllowed: get('Cpus_allowed'),
    memsAllowed: values.get('Mems_allowed') ?? '',
    kib,
    unknown,
  };
}

const words = (value: string): string[] => value.split(/[\t ]+/).filter((word) => word !== '');

/** The name's newline and backslash are escaped: "\n", "\\"; other special bytes in octal by newer kernels. */
function unescapeName(name: string): string {
  return name.replace(/\\(n|\\|[0-3][0-7]{2})/g, (_, code: string) =>
    code === 'n' ? '\n' : code === '\\' ? '\\' : String.fromCharCode(Number.parseInt(code, 8)),
  );
}
