import type { mm_entry, vma_entry } from '@criu-ts/images';
import { MREMAP, SYS } from '@criu-ts/kernel/abi';
import { readMaps } from '@criu-ts/kernel/procfs';
import type { Batch, Tracee } from '@criu-ts/tracee';
import { HostLacks } from '../../errors.js';
import { VMA } from './vma-status.js';

/** A part of the kernel's own area as this host maps it: `[vvar]`, `[vvar_vclock]` (since 6.13), `[vdso]`. */
interface Part {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/** The kernel's code and data in a process: moved as they are, never copied. */
export class HostVdso {
  readonly #parts: readonly Part[];
  readonly code: Uint8Array;

  /** @param tracee a puppet, or ourselves: who has them where the kernel put them */
  constructor(tracee: Pick<Tracee, 'pid' | 'read'>) {
    const kernels = readMaps(tracee.pid).filter(({ name }) => name === '[vdso]' || name.startsWith('[vvar'));
    this.#parts = kernels.map(({ name, start, end }) => ({ name, start, size: end - start }));
    const vdso = this.#parts.find(({ name }) => name === '[vdso]');
    this.code = vdso === undefined ? new Uint8Array() : tracee.read(vdso.start, vdso.size);
  }

  /** Moves all parts to a place where they are not in the way. Vectors in the puppet: part by part, as sealed ranges can't be split. */
  park(batch: Batch, parking: number): void {
    batch.doing('move the vdso aside');
    const first = this.#parts[0]?.start ?? 0;
    for (const { start, size } of this.#parts) move(batch, start, size, parking + start - first);
  }

  /** Where the parts lie while they are parked. */
  parkedAt(parking: number): { readonly start: number; readonly end: number }[] {
    const first = this.#parts[0]?.start ?? 0;
    return this.#parts.map(({ start, size }) => ({ start: parking + start - first, end: parking + start - first + size }));
  }

  /** Moves the parts from their parking place to where the image has them; those that the image hasn't stay and go with the blob. */
  place(batch: Batch, parking: number, mm: mm_entry): void {
    const first = this.#parts[0]?.start ?? 0;
    batch.doing('move the vdso to its place');
    const vdso = vmaOf(mm, VMA.VDSO);
    const vvar = vmaOf(mm, VMA.VVAR);
    const firstVvar = this.#parts.find(({ name }) => name !== '[vdso]')?.start ?? 0;
    for (const { name, start, size } of this.#parts) {
      const target = name === '[vdso]' ? vdso && Number(vdso.start) : vvar && Number(vvar.start) + start - firstVvar;
      if (target !== undefined) move(batch, parking + start - first, size, target);
    }
  }

  /**
   * Programs have the addresses of the vdso's functions in their tables: it must be the same code, and its data must
   * lie at the same distance. @param code the image's copy
   */
  check(mm: mm_entry, code: Uint8Array): void {
    const vdso = vmaOf(mm, VMA.VDSO);
    if (vdso === undefined) return;
    const vvar = vmaOf(mm, VMA.VVAR);
    const hostVvar = this.#parts.filter(({ name }) => name !== '[vdso]');
    const hostVdso = this.#parts.find(({ name }) => name === '[vdso]');
    const size = hostVvar.reduce((sum, part) => sum + part.size, 0);
    const sameDistance = vvar === undefined || Number(vdso.start - vvar.start) === (hostVdso?.start ?? 0) - (hostVvar[0]?.start ?? 0);
    if (Buffer.compare(this.code, code) !== 0 || !sameDistance || (vvar !== undefined && Number(vvar.end - vvar.start) !== size)) {
      throw new HostLacks('vdso', "this kernel's vdso is not the one that the process was dumped with, which is not supported yet", { hint: 'restore it on the kernel it was dumped on' });
    }
  }
}

function move(batch: Batch, from: number, size: number, to: number): void {
  if (from !== to) batch.expect(to, SYS.mremap, from, size, size, MREMAP.MAYMOVE | MREMAP.FIXED, to);
}

export function vmaOf(mm: mm_entry, status: number): vma_entry | undefined {
  return mm.vmas.find((vma) => (vma.status & status) !== 0);
}

const SYSCALL = Buffer.from('0f05', 'hex');

/** Address of a `syscall` instruction in the process's own code; the vdso has one. */
export function ownSyscallInstruction(tracee: Tracee, mm: mm_entry): number {
  const PROT_EXEC = 4;
  const code = mm.vmas.filter(({ prot, status }) => (prot & PROT_EXEC) !== 0 && (status & VMA.VSYSCALL) === 0);
  code.sort((a, b) => (b.status & VMA.VDSO) - (a.status & VMA.VDSO));
  for (const { start, end } of code) {
    const index = Buffer.from(tracee.read(Number(start), Number(end - start))).indexOf(SYSCALL);
    if (index >= 0) return Number(start) + index;
  }
  throw new HostLacks('vdso', 'the process has no instruction that makes a system call');
}
