import { Memory, processVmRead } from '@criu-ts/kernel/sys';

/** What is needed of a mapping to look for code and for dead stack in it. */
export interface MappedRange {
  readonly start: number;
  readonly end: number;
  readonly executable: boolean;
  readonly writable: boolean;
  readonly shared: boolean;
  /** /proc/PID/maps' last column */
  readonly path: string;
}

/** Instructions of a stranger that serve us without a byte of its memory being mapped or changed. */
export interface BorrowedCode {
  /** `syscall; ret`, or at least a `syscall` */
  readonly syscall: number;
  /** Code that calls rt_sigreturn: where a call returns to if we die. Absent: the call is not safe against our death. */
  readonly sigreturn: number | undefined;
  /** Dead bytes of the stack, {@link SCRATCH_SIZE} of them, a multiple of 64. */
  readonly scratch: number;
}

/** Crash frame (4 KiB, or 12 with AMX state), then what calls read and write. */
export const SCRATCH_SIZE = 20 * 1024;
/** Where in the scratch area calls may read and write. */
export const SCRATCH_DATA = 16 * 1024;

const SYSCALL_RET = Buffer.from('0f05c3', 'hex');
const SYSCALL = Buffer.from('0f05', 'hex');
/** `mov $15, %rax; syscall` as glibc, musl and Go have it, and the shorter form. */
const SIGRETURN = [Buffer.from('48c7c00f0000000f05', 'hex'), Buffer.from('b80f0000000f05', 'hex')];
const RED_ZONE = 128;
const window = new Memory(1024 * 1024);
const OVERLAP = 16;
const MOST_SCANNED = 96 * 1024 * 1024;

/**
 * Looks for the two pieces of code, in the C library first, in the vdso last.
 * @param stackPointers of all threads that share this memory
 * @returns undefined where there is no `syscall` instruction or no room on the stack
 */
export function findBorrowedCode(pid: number, ranges: readonly MappedRange[], stackPointers: readonly number[]): BorrowedCode | undefined {
  const scratch = deadStack(ranges, stackPointers);
  if (scratch === undefined) return undefined;
  let syscallRet: number | undefined;
  let syscall: number | undefined;
  let sigreturn: number | undefined;
  let scanned = 0;
  for (const range of candidates(ranges)) {
    for (let at = range.start; at < range.end && scanned < MOST_SCANNED; at += window.size - OVERLAP) {
      const count = processVmRead(pid, at, window.address, Math.min(window.size, range.end - at));
      if (count <= 0) break;
      scanned += count;
      const code = Buffer.from(window.buffer, 0, count);
      const found = (pattern: Buffer): number | undefined => {
        const index = code.indexOf(pattern);
        return index < 0 ? undefined : at + index;
      };
      syscallRet ??= found(SYSCALL_RET);
      syscall ??= found(SYSCALL);
      for (const pattern of SIGRETURN) sigreturn ??= found(pattern);
      if (syscallRet !== undefined && sigreturn !== undefined) return { syscall: syscallRet, sigreturn, scratch };
    }
  }
  if (syscallRet !== undefined) return { syscall: syscallRet, sigreturn, scratch };
  return syscall === undefined ? undefined : { syscall, sigreturn: undefined, scratch };
}

function candidates(ranges: readonly MappedRange[]): MappedRange[] {
  const rank = (range: MappedRange): number => (/\/(libc[.-]|ld-musl)/.test(range.path) ? 0 : range.path.startsWith('/') ? 1 : range.path === '[vdso]' ? 2 : 3);
  return ranges.filter((range) => range.executable && range.path !== '[vsyscall]').sort((a, b) => rank(a) - rank(b));
}

/**
 * Bytes below every stack pointer (and its red zone) of a private writable mapping: what a signal handler's frame
 * would overwrite too. The main thread's stack comes first; a Go program's threads run on small stacks inside of the
 * heap, so others only count where they lie in a mapping named [stack] or with enough room.
 */
function deadStack(ranges: readonly MappedRange[], stackPointers: readonly number[]): number | undefined {
  const stacks = ranges.filter((range) => range.writable && !range.shared);
  stacks.sort((a, b) => Number(b.path === '[stack]') - Number(a.path === '[stack]'));
  for (const range of stacks) {
    const inside = stackPointers.filter((sp) => sp > range.start && sp <= range.end);
    if (inside.length === 0) continue;
    const top = Math.min(...inside) - RED_ZONE;
    const scratch = Math.floor((top - SCRATCH_SIZE) / 64) * 64;
    if (scratch >= range.start) return scratch;
  }
  // No thread is on the [stack]: the lowest pages of it are dead all the same, the deepest call ever made lies above.
  const stack = stacks.find((range) => range.path === '[stack]' && range.end - range.start >= 4 * SCRATCH_SIZE);
  return stack === undefined ? undefined : stack.start;
}
