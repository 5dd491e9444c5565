import { IMAGE_TYPES, type ImageSet } from '@criu-ts/images';
import { StoredPages } from '../resources/memory/stored-pages.js';

/** Each has two files open. */
const MOST_OPEN = 500;

/** The pages of the processes, opened as they are needed; who was longest there goes when there are many. */
export class PageStores implements Disposable {
  readonly #images: ImageSet;
  readonly #open = new Map<number, StoredPages>();

  constructor(images: ImageSet) {
    this.#images = images;
  }

  /** Open until others have been asked for, or it is released. @throws ImageCorrupt, Unsupported */
  of(pid: number): StoredPages {
    const found = this.#open.get(pid) ?? new StoredPages(this.#images, IMAGE_TYPES.pagemap, pid);
    // Behind all others.
    this.#open.delete(pid);
    this.#open.set(pid, found);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MOST_OPEN) break;
      this.release(oldest);
    }
    return found;
  }

  release(pid: number): void {
    this.#open.get(pid)?.[Symbol.dispose]();
    this.#open.delete(pid);
  }

  [Symbol.dispose](): void {
    for (const pid of this.#open.keys()) this.release(pid);
  }
}
