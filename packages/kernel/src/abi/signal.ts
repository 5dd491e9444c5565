// signal(7), sigaction(2), asm/signal.h, asm/siginfo.h
import { namer } from './names.js';
import { defineStruct, i32, i64, ptr, type StructValue, u32, u64 } from './struct.js';

/** Signal numbers. RTMIN is the kernel's 32; glibc keeps 32 and 33 for itself. */
export const SIG = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
  UNUSED: 31,
} as const;

/** First and last real-time signal of the kernel. */
export const SIGRTMIN = 32;
export const SIGRTMAX = 64;

/** `how` of rt_sigprocmask. */
export const SIG_HOW = {
  BLOCK: 0,
  UNBLOCK: 1,
  SETMASK: 2,
} as const;

/** Special handlers. */
export const SIG_DFL = 0;
export const SIG_IGN = 1;

/** sigaction.flags */
export const SA = {
  RESTORER: 0x4000000,
  NOCLDSTOP: 0x1,
  NOCLDWAIT: 0x2,
  SIGINFO: 0x4,
  UNSUPPORTED: 0x400,
  EXPOSE_TAGBITS: 0x800,
  ONSTACK: 0x8000000,
  RESTART: 0x10000000,
  NODEFER: 0x40000000,
  RESETHAND: 0x80000000,
  NOMASK: 0x40000000,
  ONESHOT: 0x80000000,
} as const;

/** stack_t.ss_flags */
export const SS = {
  ONSTACK: 0x1,
  DISABLE: 0x2,
  AUTODISARM: 0x80000000,
  FLAG_BITS: 0x80000000,
} as const;

/** siginfo.si_code of signals that user space or a timer sent. */
export const SI = {
  USER: 0,
  KERNEL: 128,
  QUEUE: -1,
  TIMER: -2,
  MESGQ: -3,
  ASYNCIO: -4,
  SIGIO: -5,
  TKILL: -6,
  DETHREAD: -7,
  ASYNCNL: -60,
} as const;

/** siginfo.si_code of the kernel's own signals. */
export const SI_CODE = {
  ILL_ILLOPC: 1,
  ILL_ILLOPN: 2,
  ILL_ILLADR: 3,
  ILL_ILLTRP: 4,
  ILL_PRVOPC: 5,
  ILL_PRVREG: 6,
  ILL_COPROC: 7,
  ILL_BADSTK: 8,
  ILL_BADIADDR: 9,
  FPE_INTDIV: 1,
  FPE_INTOVF: 2,
  FPE_FLTDIV: 3,
  FPE_FLTOVF: 4,
  FPE_FLTUND: 5,
  FPE_FLTRES: 6,
  FPE_FLTINV: 7,
  FPE_FLTSUB: 8,
  FPE_FLTUNK: 14,
  FPE_CONDTRAP: 15,
  SEGV_MAPERR: 1,
  SEGV_ACCERR: 2,
  SEGV_BNDERR: 3,
  SEGV_PKUERR: 4,
  SEGV_ACCADI: 5,
  SEGV_ADIDERR: 6,
  SEGV_ADIPERR: 7,
  SEGV_MTEAERR: 8,
  SEGV_MTESERR: 9,
  BUS_ADRALN: 1,
  BUS_ADRERR: 2,
  BUS_OBJERR: 3,
  BUS_MCEERR_AR: 4,
  BUS_MCEERR_AO: 5,
  TRAP_BRKPT: 1,
  TRAP_TRACE: 2,
  TRAP_BRANCH: 3,
  TRAP_HWBKPT: 4,
  TRAP_UNK: 5,
  TRAP_PERF: 6,
  TRAP_PERF_FLAG_ASYNC: 1,
  CLD_EXITED: 1,
  CLD_KILLED: 2,
  CLD_DUMPED: 3,
  CLD_TRAPPED: 4,
  CLD_STOPPED: 5,
  CLD_CONTINUED: 6,
  POLL_IN: 1,
  POLL_OUT: 2,
  POLL_MSG: 3,
  POLL_ERR: 4,
  POLL_PRI: 5,
  POLL_HUP: 6,
  SYS_SECCOMP: 1,
  SYS_USER_DISPATCH: 2,
  EMT_TAGOVF: 1,
} as const;

/** struct sigaction of the x86-64 system call, not of glibc. */
export const kernel_sigaction = /* @__PURE__ */ defineStruct(
  'sigaction',
  {
    handler: ptr,
    flags: u64,
    restorer: ptr,
    mask: u64,
  },
  { size: 32, header: 'asm/signal.h', members: { handler: 'sa_handler', flags: 'sa_flags', restorer: 'sa_restorer', mask: 'sa_mask' } },
);

export type KernelSigaction = StructValue<typeof kernel_sigaction>;

/** sigaltstack(2) */
export const stack_t = /* @__PURE__ */ defineStruct(
  'stack_t',
  {
    ss_sp: ptr,
    ss_flags: i32,
    ss_size: ptr,
  },
  { size: 24, header: 'asm/signal.h', c: 'stack_t' },
);

/** Every siginfo_t is 128 bytes; carry them as bytes, look into them with these. */
export const SIGINFO_SIZE = 128;
const common = { si_signo: i32, si_errno: i32, si_code: i32 } as const;
const siginfo = { size: SIGINFO_SIZE, header: 'signal.h', c: 'siginfo_t', openEnd: true } as const;

export const siginfo_common = /* @__PURE__ */ defineStruct('siginfo_common', common, siginfo);
/** SI_USER, SI_TKILL, SI_QUEUE: sender, and the value where there is one. */
export const siginfo_rt = /* @__PURE__ */ defineStruct(
  'siginfo_rt',
  { ...common, _pad: u32, si_pid: i32, si_uid: u32, si_value: u64 },
  siginfo,
);
/** SI_TIMER */
export const siginfo_timer = /* @__PURE__ */ defineStruct(
  'siginfo_timer',
  { ...common, _pad: u32, si_timerid: i32, si_overrun: i32, si_value: u64 },
  siginfo,
);
/** SIGCHLD */
export const siginfo_child = /* @__PURE__ */ defineStruct(
  'siginfo_child',
  { ...common, _pad: u32, si_pid: i32, si_uid: u32, si_status: i32, si_utime: i64, si_stime: i64 },
  siginfo,
);
/** SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
export const siginfo_fault = /* @__PURE__ */ defineStruct('siginfo_fault', { ...common, _pad: u32, si_addr: u64 }, siginfo);
/** SIGIO */
export const siginfo_poll = /* @__PURE__ */ defineStruct(
  'siginfo_poll',
  { ...common, _pad: u32, si_band: i64, si_fd: i32 },
  siginfo,
);
/** SIGSYS */
export const siginfo_sys = /* @__PURE__ */ defineStruct(
  'siginfo_sys',
  { ...common, _pad: u32, si_call_addr: u64, si_syscall: i32, si_arch: u32 },
  siginfo,
);

const standardName = /* @__PURE__ */ namer(SIG, { prefix: 'SIG', otherwise: 'signal', aliases: ['IOT', 'POLL', 'UNUSED'] });

/** "SIGTERM" for 15, "SIGRT34" for 34, "signal 99" for what is none. */
export function signalName(signal: number): string {
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) return `SIGRT${signal}`;
  return standardName(signal);
}

/** The bit of `signal` in a kernel sigset_t (signal 1 is bit 0). */
export function signalBit(signal: number): bigint {
  return 1n << BigInt(signal - 1);
}
