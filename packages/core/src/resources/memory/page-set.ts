/** Ranges of addresses, in order, without overlaps: pairs of first byte and the byte behind the last, one behind the other. */
export type PageSet = readonly number[];

interface Span {
  readonly address: number;
  readonly length: number;
}

/** Pages that are one behind the other in a file, too. */
interface FileSpan extends Span {
  readonly offset: number;
}

/** @param runs in order of address */
export function pageSetOf(runs: Iterable<Span>): PageSet {
  const set: number[] = [];
  for (const { address, length } of runs) push(set, address, address + length);
  return set;
}

/** One object for each. */
export function toRanges(set: PageSet): { readonly start: number; readonly end: number }[] {
  return Array.from({ length: set.length / 2 }, (_, i) => ({ start: set[2 * i] as number, end: set[2 * i + 1] as number }));
}

/** What is in both. */
export function intersect(a: PageSet, b: PageSet): PageSet {
  const set: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const endA = a[i + 1] as number;
    const endB = b[j + 1] as number;
    const from = Math.max(a[i] as number, b[j] as number);
    const to = Math.min(endA, endB);
    if (from < to) push(set, from, to);
    if (endA <= endB) i += 2;
    else j += 2;
  }
  return set;
}

/** What is in `a` but not in `b`. */
export function subtract(a: PageSet, b: PageSet): PageSet {
  const set: number[] = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let at = a[i] as number;
    const end = a[i + 1] as number;
    while (j < b.length && (b[j + 1] as number) <= at) j += 2;
    for (let k = j; k < b.length && (b[k] as number) < end; k += 2) {
      if ((b[k] as number) > at) push(set, at, b[k] as number);
      at = Math.max(at, b[k + 1] as number);
    }
    if (at < end) push(set, at, end);
  }
  return set;
}

/** What is in any of them; they may overlap. */
export function unite(sets: readonly PageSet[]): PageSet {
  if (sets.length === 1) return sets[0] as PageSet;
  const spans = sets.flatMap(toRanges).sort((a, b) => a.start - b.start);
  const set: number[] = [];
  for (const { start, end } of spans) push(set, start, end);
  return set;
}

/** Bytes in all. */
export function sizeOf(set: PageSet): number {
  let size = 0;
  for (let i = 0; i < set.length; i += 2) size += (set[i + 1] as number) - (set[i] as number);
  return size;
}

/** Of all runs together. */
export function bytesOf(runs: readonly Span[]): number {
  let bytes = 0;
  for (const { length } of runs) bytes += length;
  return bytes;
}

/** Index of the first run that ends behind an address, or how many runs there are. @param runs in order of address */
export function firstBehind(runs: readonly Span[], address: number): number {
  let from = 0;
  let to = runs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const { address: start, length } = runs[middle] as Span;
    if (start + length > address) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Runs without what lies in that range; it may be in none. */
export function cutOut(runs: readonly FileSpan[], start: number, end: number): readonly FileSpan[] {
  const first = firstBehind(runs, start);
  const last = firstBehind(runs, end);
  const behind = (runs[last]?.address ?? end) < end ? last + 1 : last;
  if (first === behind) return runs;
  return runs.slice(0, first).concat(cutRuns(runs.slice(first, behind), [0, start, end, Infinity]), runs.slice(behind));
}

/** The parts of runs that lie in the set. */
export function cutRuns(runs: readonly FileSpan[], set: PageSet): FileSpan[] {
  const parts: FileSpan[] = [];
  let j = 0;
  for (const run of runs) {
    const end = run.address + run.length;
    while (j < set.length && (set[j + 1] as number) <= run.address) j += 2;
    for (let k = j; k < set.length && (set[k] as number) < end; k += 2) {
      const from = Math.max(run.address, set[k] as number);
      const to = Math.min(end, set[k + 1] as number);
      const whole = from === run.address && to === end;
      parts.push(whole ? run : { address: from, length: to - from, offset: run.offset + from - run.address });
    }
  }
  return parts;
}

/** Appends a range that begins no earlier than all that are there. */
function push(set: number[], start: number, end: number): void {
  const last = set.length - 1;
  if (last > 0 && (set[last] as number) >= start) set[last] = Math.max(set[last] as number, end);
  else set.push(start, end);
}
