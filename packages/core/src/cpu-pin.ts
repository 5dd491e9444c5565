import { type CpuMask, getAffinity, setAffinity } from '@criu-ts/kernel/sys';

/** Puppet and puppeteer on one CPU: a call costs a fifth of what it costs over two. */
export class CpuPin implements Disposable {
  readonly #own: CpuMask;
  /** The one CPU that we run on while this lives: the first that we may use. */
  readonly mask: CpuMask;

  constructor() {
    this.#own = getAffinity(0);
    this.mask = new Uint8Array(this.#own.length);
    const byte = this.#own.findIndex((bits) => bits !== 0);
    const bits = this.#own[byte] as number;
    this.mask[byte] = bits & -bits;
    setAffinity(0, this.mask);
  }

  /** Lets us run everywhere until the result is disposed of: for work that is no steering. */
  release(): Disposable {
    setAffinity(0, this.#own);
    return { [Symbol.dispose]: () => setAffinity(0, this.mask) };
  }

  /** Lets a stopped puppet run on the other CPUs, for work that takes longer than to wake one; undefined where there is none. */
  elsewhere(tid: number): Disposable | undefined {
    const others = this.#own.map((bits, byte) => bits & ~(this.mask[byte] as number));
    if (others.every((bits) => bits === 0) || setAffinity(tid, others) < 0) return undefined;
    return { [Symbol.dispose]: () => setAffinity(tid, this.mask) };
  }

  [Symbol.dispose](): void {
    setAffinity(0, this.#own);
  }
}
