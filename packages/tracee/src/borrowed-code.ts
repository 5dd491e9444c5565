import { Memory, processVmRead } from '@criu-ts/kernel/sys';
import { deadStack } from './dead-stack.js';
import type { MappedRange } from './mapped-range.js';

/** Where the code was found in mappings of other processes, by their key: relatives map the same libraries. */
export type KnownCode = Map<string, { readonly syscall: number; readonly sigreturn: number; readonly pattern: Buffer }>;

/** Instructions of a stranger that serve us without a byte of its memory being mapped or changed. */
export interface BorrowedCode {
  /** `syscall; ret`, or at least a `syscall` */
  readonly syscall: number;
  /** Code that calls rt_sigreturn: where a call returns to if we die. Absent: the call is not safe against our death. */
  readonly sigreturn: number | undefined;
  /** Dead bytes of the stack, `scratchSize()` of them, a multiple of 64. */
  readonly scratch: number;
}

const SYSCALL_RET = Buffer.from('0f05c3', 'hex');
const SYSCALL = Buffer.from('0f05', 'hex');
/** `mov $15, %rax; syscall` as glibc, musl and Go have it, and the shorter form. */
const SIGRETURN = [Buffer.from('48c7c00f0000000f05', 'hex'), Buffer.from('b80f0000000f05', 'hex')];
/** Small: what is found lies near the beginning, as a rule, and fresh memory costs more than calls. */
const window = new Memory(128 * 1024);
const OVERLAP = 16;
const MOST_SCANNED = 96 * 1024 * 1024;

/**
 * Looks for the two pieces of code, in the C library first, in the vdso last.
 * @param stackPointers of all threads that share this memory
 * @returns undefined where there is no `syscall` instruction or no room on the stack
 */
export function findBorrowedCode(pid: number, ranges: readonly MappedRange[], stackPointers: readonly number[], known: KnownCode = new Map()): BorrowedCode | undefined {
  const scratch = deadStack(ranges, stackPointers, (start, length) => isZero(pid, start, length));
  if (scratch === undefined) return undefined;
  const likely = findKnown(pid, ranges, known);
  if (likely !== undefined) return { ...likely, scratch };
  let syscallRet: number | undefined;
  let syscall: number | undefined;
  let sigreturn: number | undefined;
  let pattern = SYSCALL;
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
      for (const bytes of SIGRETURN) {
        if (sigreturn !== undefined) break;
        sigreturn = found(bytes);
        pattern = bytes;
      }
      if (syscallRet !== undefined && sigreturn !== undefined) {
        const both = syscallRet >= range.start && sigreturn >= range.start && syscallRet < range.end && sigreturn < range.end;
        if (both && range.key !== undefined) known.set(range.key, { syscall: syscallRet - range.start, sigreturn: sigreturn - range.start, pattern });
        return { syscall: syscallRet, sigreturn, scratch };
      }
    }
  }
  // Without `ret` behind it the task would not come to its frame, but run into whatever follows.
  if (syscallRet !== undefined) return { syscall: syscallRet, sigreturn, scratch };
  return syscall === undefined ? undefined : { syscall, sigreturn: undefined, scratch };
}

/** The bytes are looked at again: a debugger may have put a breakpoint there. */
function findKnown(pid: number, ranges: readonly MappedRange[], known: KnownCode): { readonly syscall: number; readonly sigreturn: number } | undefined {
  if (known.size === 0) return undefined;
  for (const { start, executable, key } of ranges) {
    const at = executable && key !== undefined ? known.get(key) : undefined;
    if (at === undefined) continue;
    const syscall = start + at.syscall;
    const sigreturn = start + at.sigreturn;
    if (holds(pid, syscall, SYSCALL_RET) && holds(pid, sigreturn, at.pattern)) return { syscall, sigreturn };
  }
  return undefined;
}

function holds(pid: number, address: number, bytes: Buffer): boolean {
  return processVmRead(pid, address, window.address, bytes.length) === bytes.length && bytes.equals(window.bytes.subarray(0, bytes.length));
}

function candidates(ranges: readonly MappedRange[]): MappedRange[] {
  const rank = (range: MappedRange): number => (/\/(libc[.-]|ld-musl)/.test(range.path) ? 0 : range.path.startsWith('/') ? 1 : range.path === '[vdso]' ? 2 : 3);
  return ranges.filter((range) => range.executable && range.path !== '[vsyscall]').sort((a, b) => rank(a) - rank(b));
}

function isZero(pid: number, start: number, length: number): boolean {
  const count = processVmRead(pid, start, window.address, length);
  return count === length && window.bytes.subarray(0, length).every((byte) => byte === 0);
}
