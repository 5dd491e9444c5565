import type { MappedRange } from './mapped-range.js';
import { scratchSize } from './crash-frame.js';

/** Bytes below the stack pointer that a function may use without moving it (System V ABI, 3.2.2). */
const RED_ZONE = 128;

/**
 * A place for crash frames and arguments: bytes that the program will never read again, best of all below every stack
 * pointer, where a signal handler's frame would overwrite them too. What lies there is given back in any case; it only
 * matters when we die in between, so the places are tried from the safest on:
 * 1. the main thread's stack below its stack pointer,
 * 2. the lowest pages of [stack] when nobody is on it (a handler's own stack, a goroutine) and they were never used,
 * 3. another thread's stack, if something unwritable below it shows where it ends,
 * 4. as 2, but used: dead unless something that waits is as deep as it ever was,
 * 5. anything writable below a stack pointer, or the end of the stack: a stack of a few pages in the middle of a heap.
 * @param stackPointers of all threads that share this memory
 * @param isZero tells whether the bytes of a range are
 * @returns the address of `scratchSize()` bytes, a multiple of 64; undefined where there is no room at all
 */
export function deadStack(ranges: readonly MappedRange[], stackPointers: readonly number[], isZero: (start: number, length: number) => boolean): number | undefined {
  const size = scratchSize();
  const below = (range: MappedRange): number | undefined => {
    const inside = stackPointers.filter((sp) => sp > range.start && sp <= range.end);
    if (inside.length === 0) return undefined;
    const at = Math.floor((Math.min(...inside) - RED_ZONE - size) / 64) * 64;
    return at >= range.start ? at : undefined;
  };
  const writable = ranges.filter((range) => range.writable && !range.shared);
  const stack = writable.find(({ path }) => path === '[stack]');
  const main = stack && below(stack);
  if (main !== undefined) return main;
  const deserted = stack !== undefined && !stackPointers.some((sp) => sp > stack.start && sp <= stack.end) && stack.end - stack.start >= 4 * size ? stack.start : undefined;
  if (deserted !== undefined && isZero(deserted, size)) return deserted;
  const others = writable.filter((range) => range !== stack);
  for (const range of others) {
    const at = bordered(range, ranges) ? below(range) : undefined;
    if (at !== undefined) return at;
  }
  if (deserted !== undefined) return deserted;
  for (const range of others) {
    const at = below(range);
    if (at !== undefined) return at;
  }
  return stack !== undefined && stack.end - stack.start >= size ? stack.start : undefined;
}

/** Whether nothing that belongs to somebody else can lie between a stack pointer in it and its start: an anonymous mapping above a guard. */
function bordered(range: MappedRange, ranges: readonly MappedRange[]): boolean {
  return range.path === '' && ranges.some(({ end, writable, executable }) => end === range.start && !writable && !executable);
}
