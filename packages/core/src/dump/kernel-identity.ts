// kcmp(2): which descriptors are the same open file, which tasks share an object.
import type { KCMP } from '@criu-ts/kernel/abi';
import { kcmp, SyscallFailed } from '@criu-ts/kernel/sys';

export interface Named<T> {
  readonly pid: number;
  /** The descriptor, for KCMP_FILE; else 0. */
  readonly index: number;
  readonly value: T;
}

/**
 * Objects of the kernel, each once, found again by comparison: kcmp(2) gives an order (of scrambled addresses), so a
 * search takes log n calls. Keys that differ for different objects make the search shorter still.
 */
export class KernelObjects<T> {
  readonly #type: (typeof KCMP)[keyof typeof KCMP];
  readonly #sorted = new Map<string, Named<T>[]>();

  constructor(type: (typeof KCMP)[keyof typeof KCMP]) {
    this.#type = type;
  }

  /** The value of the same object, made where it is new. */
  findOrAdd(pid: number, index: number, make: () => T, key = ''): T {
    let sorted = this.#sorted.get(key);
    if (sorted === undefined) this.#sorted.set(key, (sorted = []));
    let low = 0;
    for (let high = sorted.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const known = sorted[middle] as Named<T>;
      const order = kcmp(pid, known.pid, this.#type, index, known.index);
      if (order === 0) return known.value;
      if (order < 0) throw new SyscallFailed(`kcmp(${pid}, ${known.pid}, ${this.#type}, ${index}, ${known.index})`, -order);
      if (order === 1) high = middle;
      else low = middle + 1;
    }
    const value = make();
    sorted.splice(low, 0, { pid, index, value });
    return value;
  }
}
