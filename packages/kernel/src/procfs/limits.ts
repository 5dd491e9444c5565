// /proc/PID/limits (proc_pid_limits(5), fs/proc/base.c). prlimit(2) on a task of another user needs CAP_SYS_RESOURCE; this does not.
import { RLIM_INFINITY, RLIMIT } from '../abi/resource.js';
import { ProcFormatError } from './errors.js';
import { decimal64, fieldsOf, linesOf } from './lines.js';
import { type ProcTask, readProcText } from './read.js';

export type LimitName = keyof typeof limits;

export interface Limit {
  readonly name: LimitName;
  /** RLIMIT.* */
  readonly resource: number;
  /** RLIM_INFINITY: unlimited. */
  readonly soft: bigint;
  readonly hard: bigint;
}

/** The kernel's descriptions of all resources. */
const limits = {
  CPU: 'Max cpu time',
  FSIZE: 'Max file size',
  DATA: 'Max data size',
  STACK: 'Max stack size',
  CORE: 'Max core file size',
  RSS: 'Max resident set',
  NPROC: 'Max processes',
  NOFILE: 'Max open files',
  MEMLOCK: 'Max locked memory',
  AS: 'Max address space',
  LOCKS: 'Max file locks',
  SIGPENDING: 'Max pending signals',
  MSGQUEUE: 'Max msgqueue size',
  NICE: 'Max nice priority',
  RTPRIO: 'Max realtime priority',
  RTTIME: 'Max realtime timeout',
} as const;

const names: ReadonlyMap<string, LimitName> = new Map(Object.entries(limits).map(([name, shown]) => [shown, name as LimitName]));

/** All 16 resources. @throws ProcessGone, ProcFormatError */
export function readLimits(task: ProcTask): Limit[] {
  return parseLimits(readProcText(task, 'limits'));
}

/** @throws ProcFormatError also for a resource that is unknown or missing */
export function parseLimits(text: string): Limit[] {
  const parsed = linesOf(text)
    .slice(1)
    .map((line) => {
      const [shown, soft, hard] = fieldsOf('limits', line, /^(Max .*?) {2,}(\d+|unlimited) +(\d+|unlimited)\b/);
      const name = names.get(shown as string);
      if (name === undefined) throw new ProcFormatError('limits', line, 'unknown resource');
      return { name, resource: RLIMIT[name], soft: amount(soft), hard: amount(hard) };
    });
  if (parsed.length !== names.size) throw new ProcFormatError('limits', text, `${parsed.length} resources instead of ${names.size}`);
  return parsed;
}

const amount = (text: string | undefined): bigint => (text === 'unlimited' ? RLIM_INFINITY : decimal64('limits', text));
