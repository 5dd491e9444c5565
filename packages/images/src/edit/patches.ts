interface Patch {
  readonly at: bigint;
  readonly length: number;
  /** undefined: the fill */
  readonly bytes: Uint8Array | undefined;
  readonly fill: number;
}

/** Bytes that are to be others, in one address space: a process's memory, a shared segment, a file. Lengths stay. */
export class Patches {
  #fills: Patch[] = [];
  readonly #writes: Patch[] = [];
  #sorted = true;

  get isEmpty(): boolean {
    return this.#fills.length === 0 && this.#writes.length === 0;
  }

  fill(at: bigint, length: number, fill: number): void {
    const last = this.#fills.at(-1);
    // Matches mostly come in the order of their addresses.
    if (last !== undefined && at < last.at + BigInt(last.length)) this.#sorted = false;
    this.#fills.push({ at, length, bytes: undefined, fill });
  }

  /** What is written is so whatever is filled. */
  write(at: bigint, bytes: Uint8Array): void {
    this.#writes.push({ at, length: bytes.length, bytes, fill: 0 });
  }

  writtenBytes(): Uint8Array[] {
    return this.#writes.map(({ bytes }) => bytes!);
  }

  /** Does something that is written have bytes in common with these, and does it hold all of them? */
  written(at: bigint, length: number): 'none' | 'part' | 'all' {
    const end = at + BigInt(length);
    const hit = this.#writes.find((patch) => patch.at < end && at < patch.at + BigInt(patch.length));
    if (hit === undefined) return 'none';
    return hit.at <= at && end <= hit.at + BigInt(hit.length) ? 'all' : 'part';
  }

  /** Are all of these bytes filled already? */
  filled(at: bigint, length: number): boolean {
    const end = at + BigInt(length);
    this.#sort();
    const patch = this.#fills[this.#firstAfter(at)];
    return patch !== undefined && patch.at <= at && end <= patch.at + BigInt(patch.length);
  }

  /** Changes the bytes that lie at `at`. */
  apply(target: Uint8Array, at: bigint): void {
    const end = at + BigInt(target.length);
    const fills = this.#sort();
    for (let i = this.#firstAfter(at); i < fills.length && fills[i]!.at < end; i++) put(target, at, fills[i]!);
    for (const patch of this.#writes) if (patch.at < end && at < patch.at + BigInt(patch.length)) put(target, at, patch);
  }

  /** Fills in the order of their addresses, none overlapping. */
  #sort(): readonly Patch[] {
    if (this.#sorted) return this.#fills;
    const merged: Patch[] = [];
    for (const patch of this.#fills.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))) {
      const last = merged.at(-1);
      const lastEnd = last === undefined ? 0n : last.at + BigInt(last.length);
      if (last === undefined || patch.at >= lastEnd) {
        merged.push(patch);
        continue;
      }
      // Of two fills, the first one's byte goes on: which of the two it is matters to nobody.
      const end = patch.at + BigInt(patch.length);
      if (end > lastEnd) merged[merged.length - 1] = { ...last, length: Number(end - last.at) };
    }
    this.#fills = merged;
    this.#sorted = true;
    return merged;
  }

  /** The first of the sorted fills that ends beyond `at`. */
  #firstAfter(at: bigint): number {
    let low = 0;
    let high = this.#fills.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const patch = this.#fills[middle]!;
      if (patch.at + BigInt(patch.length) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function put(target: Uint8Array, base: bigint, { at, length, bytes, fill }: Patch): void {
  const from = Math.max(0, Number(at - base));
  const to = Math.min(target.length, Number(at - base) + length);
  if (bytes === undefined) target.fill(fill, from, to);
  else target.set(bytes.subarray(from - Number(at - base), to - Number(at - base)), from);
}
