import type { ByteSink, ByteSource, ImageDirectory } from '../io/directory.js';

/** A directory that keeps nothing of what is written to it but the sizes: for a dry run. */
export class DiscardingDirectory implements ImageDirectory {
  readonly #sizes = new Map<string, number>();

  list(): string[] {
    return [...this.#sizes.keys()].sort();
  }

  /** Tells its size; what it held is gone. */
  open(name: string): ByteSource | undefined {
    const size = this.#sizes.get(name);
    const gone = (): never => {
      throw new TypeError(`${name} was written to be discarded`);
    };
    return size === undefined ? undefined : { name, size, read: gone, readInto: gone, [Symbol.dispose]() {} };
  }

  create(name: string): ByteSink {
    const sizes = this.#sizes;
    sizes.set(name, 0);
    return {
      name,
      get size(): number {
        return sizes.get(name)!;
      },
      write: (bytes) => void sizes.set(name, sizes.get(name)! + bytes.length),
      [Symbol.dispose]() {},
    };
  }

  has(name: string): boolean {
    return this.#sizes.has(name);
  }

  remove(name: string): void {
    this.#sizes.delete(name);
  }

  sync(): void {}
}
