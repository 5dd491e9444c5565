// ptrace(2), linux/ptrace.h, asm/ptrace-abi.h, sys/user.h
import { array, bytes, defineStruct, i32, i64, ptr, type StructValue, u16, u32, u64, u8 } from './struct.js';

/** Requests. */
export const PTRACE = {
  TRACEME: 0x0,
  PEEKTEXT: 0x1,
  PEEKDATA: 0x2,
  PEEKUSR: 0x3,
  POKETEXT: 0x4,
  POKEDATA: 0x5,
  POKEUSR: 0x6,
  CONT: 0x7,
  KILL: 0x8,
  SINGLESTEP: 0x9,
  ATTACH: 0x10,
  DETACH: 0x11,
  SYSCALL: 0x18,
  SETOPTIONS: 0x4200,
  GETEVENTMSG: 0x4201,
  GETSIGINFO: 0x4202,
  SETSIGINFO: 0x4203,
  GETREGSET: 0x4204,
  SETREGSET: 0x4205,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  PEEKSIGINFO: 0x4209,
  GETSIGMASK: 0x420a,
  SETSIGMASK: 0x420b,
  SECCOMP_GET_FILTER: 0x420c,
  SECCOMP_GET_METADATA: 0x420d,
  GET_SYSCALL_INFO: 0x420e,
  GET_RSEQ_CONFIGURATION: 0x420f,
  EVENTMSG_SYSCALL_ENTRY: 0x1,
  EVENTMSG_SYSCALL_EXIT: 0x2,
  GETREGS: 0xc,
  SETREGS: 0xd,
  GETFPREGS: 0xe,
  SETFPREGS: 0xf,
  GETFPXREGS: 0x12,
  SETFPXREGS: 0x13,
  OLDSETOPTIONS: 0x15,
  GET_THREAD_AREA: 0x19,
  SET_THREAD_AREA: 0x1a,
  ARCH_PRCTL: 0x1e,
  SYSEMU: 0x1f,
  SYSEMU_SINGLESTEP: 0x20,
  SINGLEBLOCK: 0x21,
  SET_SYSCALL_USER_DISPATCH_CONFIG: 0x4210,
  GET_SYSCALL_USER_DISPATCH_CONFIG: 0x4211,
  SET_SYSCALL_INFO: 0x4212,
} as const;

/** Options for SEIZE and SETOPTIONS. */
export const PTRACE_O = {
  TRACESYSGOOD: 0x1,
  TRACEFORK: 0x2,
  TRACEVFORK: 0x4,
  TRACECLONE: 0x8,
  TRACEEXEC: 0x10,
  TRACEVFORKDONE: 0x20,
  TRACEEXIT: 0x40,
  TRACESECCOMP: 0x80,
  EXITKILL: 0x100000,
  SUSPEND_SECCOMP: 0x200000,
  MASK: 0x3000ff,
} as const;

/** Events: `status >> 16` of a stop; STOP is 128. */
export const PTRACE_EVENT = {
  FORK: 1,
  VFORK: 2,
  CLONE: 3,
  EXEC: 4,
  VFORK_DONE: 5,
  EXIT: 6,
  SECCOMP: 7,
  STOP: 128,
} as const;

/** `op` of ptrace_syscall_info. */
export const PTRACE_SYSCALL_INFO = {
  NONE: 0,
  ENTRY: 1,
  EXIT: 2,
  SECCOMP: 3,
} as const;

/** Flags of ptrace_peeksiginfo_args. */
export const PTRACE_PEEKSIGINFO = {
  SHARED: 0x1,
} as const;

/** Note types, as GETREGSET and SETREGSET take them. */
export const NT = {
  PRSTATUS: 0x1,
  PRFPREG: 0x2,
  PRPSINFO: 0x3,
  AUXV: 0x6,
  SIGINFO: 0x53494749,
  FILE: 0x46494c45,
  PRXFPREG: 0x46e62b7f,
  '386_TLS': 0x200,
  '386_IOPERM': 0x201,
  X86_XSTATE: 0x202,
  GNU_PROPERTY_TYPE_0: 0x5,
  X86_SHSTK: 0x204,
  X86_XSAVE_LAYOUT: 0x205,
} as const;

/** General registers of GETREGS/SETREGS and NT_PRSTATUS (sys/user.h). */
export const user_regs_struct = /* @__PURE__ */ defineStruct(
  'user_regs_struct',
  {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    rbp: u64,
    rbx: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rax: u64,
    rcx: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    orig_rax: u64,
    rip: u64,
    cs: u64,
    eflags: u64,
    rsp: u64,
    ss: u64,
    fs_base: u64,
    gs_base: u64,
    ds: u64,
    es: u64,
    fs: u64,
    gs: u64,
  },
  { size: 216, header: 'sys/user.h' },
);

export type UserRegsStruct = StructValue<typeof user_regs_struct>;

/** FXSAVE area: the first 512 bytes of an XSAVE area. */
export const user_fpregs_struct = /* @__PURE__ */ defineStruct(
  'user_fpregs_struct',
  {
    cwd: u16,
    swd: u16,
    ftw: u16,
    fop: u16,
    rip: u64,
    rdp: u64,
    mxcsr: u32,
    mxcr_mask: u32,
    /** 8 × 16 bytes */
    st_space: bytes(128, 4),
    /** 16 × 16 bytes */
    xmm_space: bytes(256, 4),
    /** bytes 464…511 of it (sw_reserved) describe the XSAVE area */
    padding: bytes(96, 4),
  },
  { size: 512, header: 'sys/user.h' },
);

export const ptrace_peeksiginfo_args = /* @__PURE__ */ defineStruct(
  'ptrace_peeksiginfo_args',
  {
    off: u64,
    flags: u32,
    nr: i32,
  },
  { size: 16, header: 'linux/ptrace.h' },
);

/** PTRACE_GET_SYSCALL_INFO at an entry stop. */
export const ptrace_syscall_info_entry = /* @__PURE__ */ defineStruct(
  'ptrace_syscall_info_entry',
  {
    op: u8,
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    nr: u64,
    args: array(u64, 6),
  },
  { size: 88, header: 'linux/ptrace.h', c: 'struct ptrace_syscall_info', members: { nr: 'entry.nr', args: 'entry.args' }, openEnd: true },
);

/** PTRACE_GET_SYSCALL_INFO at an exit stop. */
export const ptrace_syscall_info_exit = /* @__PURE__ */ defineStruct(
  'ptrace_syscall_info_exit',
  {
    op: u8,
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    rval: i64,
    is_error: u8,
  },
  { size: 88, header: 'linux/ptrace.h', c: 'struct ptrace_syscall_info', members: { rval: 'exit.rval', is_error: 'exit.is_error' }, openEnd: true },
);

/** PTRACE_GET_SYSCALL_INFO at a seccomp stop. */
export const ptrace_syscall_info_seccomp = /* @__PURE__ */ defineStruct(
  'ptrace_syscall_info_seccomp',
  {
    op: u8,
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    nr: u64,
    args: array(u64, 6),
    ret_data: u32,
  },
  { size: 88, header: 'linux/ptrace.h', c: 'struct ptrace_syscall_info', members: { nr: 'seccomp.nr', args: 'seccomp.args', ret_data: 'seccomp.ret_data' } },
);

/** PTRACE_GET_RSEQ_CONFIGURATION */
export const ptrace_rseq_configuration = /* @__PURE__ */ defineStruct(
  'ptrace_rseq_configuration',
  {
    /** 0: not registered */
    rseq_abi_pointer: ptr,
    rseq_abi_size: u32,
    signature: u32,
    flags: u32,
    pad: u32,
  },
  { size: 24, header: 'linux/ptrace.h' },
);

export type PtraceRseqConfiguration = StructValue<typeof ptrace_rseq_configuration>;

/** PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG */
export const ptrace_sud_config = /* @__PURE__ */ defineStruct(
  'ptrace_sud_config',
  {
    mode: u64,
    selector: ptr,
    offset: u64,
    len: u64,
  },
  { size: 32, header: 'linux/ptrace.h', since: { '*': '6.4' } },
);
