// A ring of io_uring_setup(2), seen from our side: its memory, and how to make one that has done work already.
import { IORING_OFF, IORING_SETUP, io_cqring_offsets, io_sqring_offsets, io_uring_params, MAP, PROT, SYS } from '@criu-ts/kernel/abi';
import { Memory, OwnedFd, sys, viewAt } from '@criu-ts/kernel/sys';
import type { DumpContext } from '../resources/contexts.js';

export type RingParams = ReturnType<typeof io_uring_params.read>;

/** Processes that have a ring: only they are asked about it, as a seccomp filter may punish such calls of others. */
export function ringHolders(at: DumpContext): Set<number> {
  return at.shared('processes with an io_uring', () => new Set<number>());
}

const SQE_SIZE = 64;
const CQE_SIZE = 16;
const LAYOUT_AT = io_uring_params.size - io_sqring_offsets.size - io_cqring_offsets.size;
const params = new Memory(io_uring_params.size);

export interface MadeRing {
  readonly fd: OwnedFd;
  readonly params: RingParams;
  /** sq_off and cq_off as the kernel gave them. */
  readonly layout: Uint8Array;
}

/** @throws SyscallFailed where the kernel makes none (kernel.io_uring_disabled, seccomp) */
export function makeRing(sqEntries: number, cqEntries: number): MadeRing {
  params.bytes.fill(0);
  params.view.setUint32(4, cqEntries, true);
  params.view.setUint32(8, IORING_SETUP.CQSIZE, true);
  const fd = new OwnedFd(sys(SYS.io_uring_setup, sqEntries, params.address));
  return { fd, params: io_uring_params.read(params.view, 0), layout: params.bytes.slice(LAYOUT_AT) };
}

/** Bytes of the region at IORING_OFF_SQ_RING; both queues lie in it (IORING_FEAT_SINGLE_MMAP, since 5.4). */
export function sizeOfRings({ sq_off, cq_off, sq_entries, cq_entries }: RingParams): number {
  return Math.max(sq_off.array + 4 * sq_entries, cq_off.cqes + CQE_SIZE * cq_entries);
}

/** The memory of a ring, mapped into our process until it is disposed of. */
export class RingMemory implements Disposable {
  readonly rings: DataView;
  readonly entries: DataView;
  readonly #mappings: readonly { readonly address: number; readonly length: number }[];

  constructor(fd: OwnedFd, like: RingParams) {
    const map = (length: number, offset: number): { address: number; length: number } => ({ length, address: sys(SYS.mmap, 0, length, PROT.READ | PROT.WRITE, MAP.SHARED, fd.number, offset) });
    const rings = map(sizeOfRings(like), IORING_OFF.SQ_RING);
    const entries = map(like.sq_entries * SQE_SIZE, IORING_OFF.SQES);
    this.#mappings = [rings, entries];
    this.rings = new DataView(viewAt(rings.address, rings.length));
    this.entries = new DataView(viewAt(entries.address, entries.length));
  }

  [Symbol.dispose](): void {
    for (const { address, length } of this.#mappings) sys(SYS.munmap, address, length);
  }
}

export const bytesOf = ({ buffer }: DataView): Uint8Array => new Uint8Array(buffer);

/**
 * Whether the queue of indices is where a ring of that layout has it: rings made with IORING_SETUP_CQE32 or
 * IORING_SETUP_NO_SQARRAY look the same from outside, and have something else there, or nothing.
 */
export function hasOrdinaryLayout(rings: DataView, { sq_off, sq_entries }: RingParams): boolean {
  const indices = Array.from({ length: sq_entries }, (_, i) => rings.getUint32(sq_off.array + 4 * i, true));
  const used = rings.getUint32(sq_off.tail, true);
  // One request went through the index 0, two or more through other ones too.
  return indices.every((index) => index < sq_entries) && (used < 2 || sq_entries < 2 || indices.some((index) => index !== 0));
}

/**
 * Has a fresh ring carry out so many requests that do nothing: the kernel's own counters, which nobody can set, are
 * then those of the old ring. 30 ns a request.
 */
export function wind(ring: MadeRing, memory: RingMemory, times: number): void {
  const { sq_entries, sq_off, cq_off } = ring.params;
  const { rings } = memory;
  // All zero is IORING_OP_NOP.
  bytesOf(memory.entries).fill(0);
  for (let i = 0; i < sq_entries; i++) rings.setUint32(sq_off.array + 4 * i, i, true);
  for (let done = 0; done < times; ) {
    const count = Math.min(sq_entries, times - done);
    rings.setUint32(sq_off.tail, (done + count) >>> 0, true);
    done += sys(SYS.io_uring_enter, ring.fd.number, count, 0, 0, 0, 0);
    rings.setUint32(cq_off.head, rings.getUint32(cq_off.tail, true), true);
  }
}
