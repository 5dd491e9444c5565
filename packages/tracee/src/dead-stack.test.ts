import t from 'tap';
import type { MappedRange } from './mapped-range.js';
import { scratchSize } from './crash-frame.js';
import { deadStack } from './dead-stack.js';

const SIZE = scratchSize();
const KIB = 1024;
const range = (start: number, end: number, more: Partial<MappedRange> = {}): MappedRange => ({ start, end, executable: false, writable: true, shared: false, path: '', ...more });
const guard = (start: number, end: number): MappedRange => range(start, end, { writable: false });

const STACK = range(0x7ff0_0000_0000, 0x7ff0_0000_0000 + 132 * KIB, { path: '[stack]' });
const TOP = STACK.end;
const HEAP = range(0x10_0000, 0x80_0000, { path: '[heap]' });
const THREAD = range(0x70_0001_0000, 0x70_0081_0000);
const GUARD = guard(0x70_0000_f000, THREAD.start);
const below = (sp: number): number => Math.floor((sp - 128 - SIZE) / 64) * 64;

const zero = (): boolean => true;
const used = (): boolean => false;

const rows: [name: string, ranges: MappedRange[], sps: number[], isZero: () => boolean, expected: number | undefined][] = [
  ['the main stack, below the red zone', [HEAP, STACK], [TOP - 1000], used, below(TOP - 1000)],
  ['below the lowest of several', [STACK], [TOP - 1000, TOP - 9000], used, below(TOP - 9000)],
  ['the main stack before the stacks of threads', [GUARD, THREAD, STACK], [THREAD.end - 8, TOP - 8], used, below(TOP - 8)],
  ["a handler on its own stack in the heap: [stack]'s end, never used", [HEAP, STACK], [HEAP.start + 64 * KIB], zero, STACK.start],
  ['the same, used: the stack of a thread that ends at a guard', [HEAP, GUARD, THREAD, STACK], [HEAP.start + 64 * KIB, THREAD.end - 8], used, below(THREAD.end - 8)],
  ['the same, no such thread: used, but nobody is there', [HEAP, STACK], [HEAP.start + 64 * KIB], used, STACK.start],
  ['a main stack that is full: the stack of a thread', [GUARD, THREAD, STACK], [STACK.start + 100, THREAD.end - 8], used, below(THREAD.end - 8)],
  ['no [stack] at all: a stack in the heap', [HEAP], [HEAP.start + 64 * KIB], used, below(HEAP.start + 64 * KIB)],
  ['a shared mapping is nobody\'s own', [range(0x1000_0000, 0x1010_0000, { shared: true }), STACK], [0x1010_0000], used, STACK.start],
  ['a main stack that is full, and nothing else: given back, but not dead', [STACK], [STACK.start + 100], used, STACK.start],
  ['no room for anything', [range(0x1000, 0x2000)], [0x2000], used, undefined],
  ['nobody there', [HEAP], [], used, undefined],
  ['the end of a range belongs to it: an empty stack', [GUARD, THREAD], [THREAD.end], used, below(THREAD.end)],
];
for (const [name, ranges, sps, isZero, expected] of rows) t.equal(deadStack(ranges, sps, isZero), expected, name);
