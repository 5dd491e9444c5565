import { type IMAGE_TYPES, type ImageSet, openPages, type PageReader, readPagemap } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { O } from '@criu-ts/kernel/abi';
import { open, type OwnedFd } from '@criu-ts/kernel/sys';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import { bytesOf, firstBehind } from './page-set.js';
import { PAGE, PE } from './vma-status.js';

/** A run of pages in the images. */
export interface StoredRun {
  readonly address: number;
  readonly length: number;
  /** In the file of pages. */
  readonly offset: number;
}

type PagemapType = typeof IMAGE_TYPES.pagemap | typeof IMAGE_TYPES.shmemPagemap;

/** The pages of a process, or of a shared memory object, however they are stored. */
export class StoredPages implements Disposable {
  /** In order of address; neighbours are one run. */
  readonly runs: readonly StoredRun[];
  /** The file, where its bytes may be read by system calls: neither compressed nor checksummed. */
  readonly file: OwnedFd | undefined;
  readonly #reader: PageReader | undefined;

  /** None where there is no such pagemap. @throws ImageCorrupt, Unsupported */
  constructor(images: ImageSet, type: PagemapType, id: number | bigint) {
    if (!images.has(type, id)) {
      this.runs = [];
      return;
    }
    const pagemap = readPagemap(images, type, id);
    const name = type.pattern.replace('%lu', String(id));
    this.runs = runsOf(pagemap, name);
    if (this.runs.length === 0) return;
    this.#reader = openPages(images.directory, pagemap.pagesId);
    const { address, length, offset } = this.runs.at(-1) as StoredRun;
    if (offset + length > this.#reader.size) {
      // Nobody gets this object, so nobody else can close it.
      this.#reader[Symbol.dispose]();
      throw new ImageCorrupt(`the page at 0x${address.toString(16)} is not in pages-${pagemap.pagesId}`, { object: name });
    }
    const { plainFile, checksummed } = this.#reader;
    const { directory } = images;
    if (plainFile !== undefined && !checksummed && directory instanceof NodeDirectory) this.file = open(`/proc/self/fd/${directory.fd}/${plainFile}`, O.RDONLY);
  }

  get bytes(): number {
    return bytesOf(this.runs);
  }

  /** Checks and decompresses, where they are stored so. @throws ImageCorrupt */
  readInto(target: Uint8Array, offset: number): void {
    this.#reader?.readInto(target, offset);
  }

  /** The bytes of that range of memory. @throws ImageCorrupt where a part of it isn't stored */
  read(address: number, length: number): Uint8Array {
    const run = this.runs[firstBehind(this.runs, address)];
    if (run === undefined || run.address > address || run.address + run.length < address + length) throw new ImageCorrupt(`the pages at 0x${address.toString(16)} are missing`);
    const bytes = new Uint8Array(length);
    this.readInto(bytes, run.offset + address - run.address);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.file?.[Symbol.dispose]();
    this.#reader?.[Symbol.dispose]();
  }
}

function runsOf({ vaddr, nrPages, flags }: ReturnType<typeof readPagemap>, name: string): StoredRun[] {
  const runs: StoredRun[] = [];
  let offset = 0;
  for (let i = 0; i < vaddr.length; i++) {
    const address = Number(vaddr[i]);
    const length = (nrPages[i] as number) * PAGE;
    if (((flags[i] as number) & PE.PARENT) !== 0) throw new Unsupported('image', 'pages in parent images are not supported yet', { object: name });
    const last = runs.at(-1);
    if (address % PAGE !== 0 || (last !== undefined && address < last.address + last.length)) throw new ImageCorrupt(`the run at 0x${address.toString(16)} is out of place`, { object: name });
    if (last !== undefined && last.address + last.length === address) runs[runs.length - 1] = { address: last.address, length: last.length + length, offset: last.offset };
    else if (length > 0) runs.push({ address, length, offset });
    offset += length;
  }
  return runs;
}
