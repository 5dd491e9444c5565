import { SYS } from '@criu-ts/kernel/abi';
import type { Registers, RegisterName } from './registers.js';
import { xstateSize } from './xstate.js';

/**
 * The signal frame that makes a tracee whole if we die in the middle of a remote call.
 *
 * While a stranger makes a call for us, its registers are ours. If we are killed then, the kernel lets it go and it
 * runs on after the `syscall` instruction: so that instruction is one followed by `ret`, and rsp points to the address
 * of the C library's rt_sigreturn trampoline with this frame above it. The stranger returns from our call straight
 * into its own context: registers, FPU state and signal mask.
 * Layout: arch/x86/include/asm/sigframe.h (struct rt_sigframe), uapi/asm/sigcontext.h.
 */
export const CRASH_FRAME_HEAD = 384;

const FP_XSTATE_MAGIC1 = 0x46505853;
const FP_XSTATE_MAGIC2 = 0x46505845;
/** UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
const UC_FLAGS = 7n;
/** No such mode: sigaltstack(2) refuses it, rt_sigreturn(2) ignores that, and the alternate stack stays as it is. */
const NO_ALTSTACK_CHANGE = 0x7fff;

/** sigcontext's order of registers. */
const ORDER: readonly RegisterName[] = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rdi', 'rsi', 'rbp', 'rbx', 'rdx', 'rax', 'rcx', 'rsp', 'rip', 'eflags'];

const OFFSET = { ucFlags: 8, ssSp: 24, ssFlags: 32, registers: 48, cs: 192, gs: 194, fs: 196, ss: 198, fpstate: 232, sigmask: 304 } as const;

/** Bytes that {@link crashFrame} makes for an XSAVE area of that size. */
export function crashFrameSize(xstateSize: number): number {
  return CRASH_FRAME_HEAD + xstateSize + 4;
}

/** Room for a CPU mask between the two crash frames: as much as the kernel ever has (CONFIG_NR_CPUS = 8192). */
export const AFFINITY_SIZE = 1024;
/** Where the second frame lies in the scratch area: above the first, and the mask that it names. */
export const OWN_FRAME = CRASH_FRAME_HEAD + AFFINITY_SIZE;
/** What calls read and write lies above the frames. */
export const SCRATCH_DATA_SIZE = 4096;

/** Where in the scratch area calls may read and write. */
export function scratchData(): number {
  return Math.ceil((OWN_FRAME + crashFrameSize(xstateSize())) / 64) * 64;
}

/** Bytes of dead stack that are needed: 8.5 KiB, or 17 where the CPU has AMX. */
export function scratchSize(): number {
  return scratchData() + SCRATCH_DATA_SIZE;
}

/** What a frame brings back. */
export interface FrameContext {
  /** System call restarts already worked in, see {@link resolveRestart}. */
  readonly registers: Registers;
  readonly sigmask: bigint;
  /** As `signalXstate` gives it; without it the FPU is reset. */
  readonly xstate?: Uint8Array;
}

/**
 * A frame with the trampoline's address below it: whoever executes `ret` with rsp = `at` gets that context.
 * @param at where the frame will lie, a multiple of 64
 * @param trampoline address of code that calls rt_sigreturn
 */
export function crashFrame(at: number, trampoline: number, { registers, sigmask, xstate }: FrameContext): Uint8Array {
  const bytes = new Uint8Array(xstate === undefined ? CRASH_FRAME_HEAD : crashFrameSize(xstate.length));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(trampoline), true);
  view.setBigUint64(OFFSET.ucFlags, UC_FLAGS, true);
  view.setInt32(OFFSET.ssFlags, NO_ALTSTACK_CHANGE, true);
  ORDER.forEach((name, i) => view.setBigUint64(OFFSET.registers + 8 * i, registers.get(name), true));
  for (const name of ['cs', 'gs', 'fs', 'ss'] as const) view.setUint16(OFFSET[name], Number(registers.get(name)), true);
  view.setBigUint64(OFFSET.sigmask, sigmask, true);
  if (xstate === undefined) return bytes;

  view.setBigUint64(OFFSET.fpstate, BigInt(at + CRASH_FRAME_HEAD), true);
  bytes.set(xstate, CRASH_FRAME_HEAD);
  // struct _fpx_sw_bytes in the reserved end of the FXSAVE area; the regset keeps the features' mask at the same place.
  const sw = CRASH_FRAME_HEAD + 464;
  const features = view.getBigUint64(sw, true);
  view.setUint32(sw, FP_XSTATE_MAGIC1, true);
  view.setUint32(sw + 4, xstate.length + 4, true);
  view.setBigUint64(sw + 8, features, true);
  view.setUint32(sw + 16, xstate.length, true);
  view.setUint32(CRASH_FRAME_HEAD + xstate.length, FP_XSTATE_MAGIC2, true);
  return bytes;
}

const ERESTARTSYS = -512n;
const ERESTARTNOINTR = -513n;
const ERESTARTNOHAND = -514n;
const ERESTART_RESTARTBLOCK = -516n;
const NR_RESTART_SYSCALL: number = SYS.restart_syscall;
const SYSCALL_LENGTH = 2;

/**
 * Does for registers what the kernel does on the way back to user space when no handler runs
 * (arch/x86/kernel/signal.c, arch_do_signal_or_restart): the interrupted call is made again.
 * @returns a copy, with orig_rax = -1 so that nobody restarts it a second time
 */
export function resolveRestart(registers: Registers): Registers {
  const out = registers.clone();
  if (registers.getSigned('origRax') < 0n) return out;
  const result = registers.getSigned('rax');
  if (result === ERESTARTSYS || result === ERESTARTNOINTR || result === ERESTARTNOHAND) {
    out.set('rax', registers.get('origRax'));
    out.set('rip', registers.get('rip') - BigInt(SYSCALL_LENGTH));
  } else if (result === ERESTART_RESTARTBLOCK) {
    out.set('rax', NR_RESTART_SYSCALL);
    out.set('rip', registers.get('rip') - BigInt(SYSCALL_LENGTH));
  }
  out.set('origRax', -1n);
  return out;
}

/**
 * As {@link resolveRestart}, for a task that goes on by rt_sigreturn(2), which forgets how to continue a call
 * (restore_sigcontext): it is made anew, with its whole time. Never less than was asked for, and no EINTR.
 * @param call the number of the interrupted call, where restart_syscall(2) stands for it; undefined: not known
 */
export function resolveRestartAnew(registers: Registers, call: number | undefined): Registers {
  const out = resolveRestart(registers);
  const nr = Number(registers.getSigned('origRax'));
  if (nr < 0 || registers.getSigned('rax') !== ERESTART_RESTARTBLOCK) return out;
  const again = nr === NR_RESTART_SYSCALL ? call : nr;
  if (again !== undefined) out.set('rax', again);
  return out;
}

/** Calls that the kernel continues by restart_syscall(2). */
const CONTINUED: readonly number[] = [SYS.nanosleep, SYS.clock_nanosleep, SYS.poll, SYS.futex];
/** `mov $NR, %eax; syscall` */
export const NUMBERED_SYSCALL_LENGTH = 7;

/** The call's number, from the last bytes of code before rip; restart_syscall(2) has taken its place in orig_rax. */
export function numberOfSyscall(code: Uint8Array): number | undefined {
  const [mov, , , , , first, second] = code;
  if (code.length !== NUMBERED_SYSCALL_LENGTH || mov !== 0xb8 || first !== 0x0f || second !== 0x05) return undefined;
  const nr = new DataView(code.buffer, code.byteOffset).getInt32(1, true);
  return CONTINUED.includes(nr) ? nr : undefined;
}
