import type { ProcessView } from '../views/process.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import { encodeHeaders } from './elf.js';
import type { Segment } from './elf.js';
import type { MappedFile, Note } from './notes.js';
import { auxvNote, encodeNotes, filesNote, processNote, statusNote } from './notes.js';
import { machineOf } from './registers.js';

/** No core can be made of this process; the message says why. */
export class NoCore extends Error {
  readonly code = 'no-core';

  constructor(pid: number, why: string) {
    super(`no core of process ${pid}: ${why}`);
    this.name = 'NoCore';
  }
}

/**
 * A process of a checkpoint as an ELF core (core(5)), piece by piece: all threads with general, floating-point and
 * extended registers, the auxiliary vector, the note of mapped files, and the memory that the images hold. Memory that
 * they don't hold has no bytes there, as in the kernel's own cores: of file mappings, a debugger reads the file;
 * what was never written reads as zeros.
 * @throws NoCore for a zombie, and for a machine whose registers are not known here; ImageCorrupt
 */
export async function* coreOf(process: ProcessView): AsyncGenerator<Uint8Array, void, undefined> {
  if (process.isZombie) throw new NoCore(process.pid, 'it is a zombie, which has no memory');
  const machine = machineOf(process.core);
  if (machine === undefined) throw new NoCore(process.pid, `registers of ${process.architecture} are not known here`);
  const memory = await process.memory();
  const notes: Note[] = [];
  for (const [index, thread] of (await process.threads()).entries()) {
    const registers = machine.registers(thread.core);
    if (registers === undefined) throw new NoCore(process.pid, `its thread ${thread.tid} has no registers of ${process.architecture} in its image, or those of another mode`);
    notes.push(statusNote(machine, process, thread.tid, thread.core, registers.general));
    if (index === 0) {
      notes.push(processNote(machine, process, process.core, await process.credentials(), await process.args().catch(() => [])));
      notes.push(auxvNote(machine, await process.auxv()), filesNote(machine, mappedFiles(memory), memory.pageSize));
    }
    notes.push(...registers.notes);
  }
  const segments = await segmentsOf(memory);
  yield encodeHeaders(machine, encodeNotes(machine, notes), segments, memory.pageSize);
  for (const region of memory.regions) {
    for await (const piece of memory.regionPieces(region)) {
      if (piece.source === 'images') yield await piece.read();
    }
  }
}

function mappedFiles(memory: ProcessMemory): MappedFile[] {
  return memory.regions.filter((region) => region.fileId !== undefined).map(({ start, end, offset, name }) => ({ start, end, offset, path: name }));
}

/** Neighbouring pieces of a region that are all in the images, or all not, are one segment. */
async function segmentsOf(memory: ProcessMemory): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const region of memory.regions) {
    // vsyscall is the same everywhere, and lies where some debuggers think addresses negative.
    if (region.end > 1n << 63n) continue;
    const { prot } = region.vma;
    const flags = ((prot & 1) << 2) | (prot & 2) | ((prot & 4) >> 2);
    let open: { address: bigint; length: bigint; held: boolean } | undefined;
    const close = (): void => {
      if (open) segments.push({ address: open.address, length: open.length, stored: open.held ? open.length : 0n, flags });
    };
    for await (const piece of memory.regionPieces(region)) {
      const held = piece.source === 'images';
      if (open?.held === held) open.length += BigInt(piece.length);
      else {
        close();
        open = { address: piece.address, length: BigInt(piece.length), held };
      }
    }
    close();
  }
  return segments;
}
