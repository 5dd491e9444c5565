import type { ContainerView } from '../checkpoint/container.js';
import type { ImageFiles } from '../checkpoint/image-files.js';
import { MemoryUnavailable } from '../memory/process-memory.js';
import type { ProcessView } from './process.js';

/** Where a checkpoint comes from: when it was made, and by which kernel. */

/** A vdso is a page or a few; its notes lie in the first. */
const NOTES_WITHIN = 4096;
const PT_NOTE = 4;

/**
 * The kernel's version, "6.18.1", as the note in the vdso of the first process that has one tells it (LINUX_VERSION_CODE
 * of owner "Linux", type 0; arch/x86/entry/vdso/note.S and its like). No image holds `uname -r`.
 */
export async function kernelVersion(processes: readonly ProcessView[]): Promise<string | undefined> {
  for (const process of processes) {
    if (process.isZombie) continue;
    const region = (await process.regions()).find(({ name }) => name === '[vdso]');
    if (region === undefined) continue;
    try {
      const length = Math.min(NOTES_WITHIN, Number(region.end - region.start));
      return versionIn(await (await process.memory()).read(region.start, length));
    } catch (error) {
      if (!(error instanceof MemoryUnavailable)) throw error;
    }
  }
  return undefined;
}

/** The version in the notes of an ELF file of which these are the first bytes. */
export function versionIn(elf: Uint8Array): string | undefined {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 64 || view.getUint32(0) !== 0x7f45_4c46) return undefined;
  const wide = elf[4] === 2;
  const little = elf[5] === 1;
  const long = (at: number): number => (wide ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const table = long(wide ? 32 : 28);
  const [rowSize, count] = [view.getUint16(wide ? 54 : 42, little), view.getUint16(wide ? 56 : 44, little)];
  for (let i = 0; i < count; i++) {
    const row = table + i * rowSize;
    if (row + rowSize > elf.length || rowSize < 32) return undefined;
    if (view.getUint32(row, little) !== PT_NOTE) continue;
    const begin = long(row + (wide ? 8 : 4));
    const found = noteIn(view, begin, Math.min(elf.length, begin + long(row + (wide ? 32 : 16))), little);
    if (found !== undefined) return [found >>> 16, (found >>> 8) & 0xff, found & 0xff].join('.');
  }
  return undefined;
}

function noteIn(view: DataView, begin: number, end: number, little: boolean): number | undefined {
  for (let at = begin; at + 12 <= end; ) {
    const [nameSize, size, type] = [view.getUint32(at, little), view.getUint32(at + 4, little), view.getUint32(at + 8, little)];
    const contents = at + 12 + Math.ceil(nameSize / 4) * 4;
    if (contents + size > end) return undefined;
    // "Linux\0"
    if (nameSize === 6 && type === 0 && size === 4 && view.getUint32(at + 12) === 0x4c69_6e75) return view.getUint32(contents, little);
    at = contents + Math.ceil(size / 4) * 4;
  }
  return undefined;
}

/** When the dump ended, in ms since 1970: the container engine says so, or the age of the image that is written last. */
export function dumpedAt(files: ImageFiles, container: ContainerView | undefined): number | undefined {
  const told = Date.parse(container?.checkpointedAt ?? '');
  return Number.isNaN(told) ? files.open('inventory.img')?.modified : told;
}
