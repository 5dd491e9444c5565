// rseq(2), kernel/rseq.c
import type { core_entry } from '@criu-ts/images';
import { rseq as rseq_area, rseq_cs, SYS } from '@criu-ts/kernel/abi';
import type { StructValue } from '@criu-ts/kernel/abi';
import type { Registers, Tracee } from '@criu-ts/tracee';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';

export const rseq: ThreadFacet = {
  name: 'restartable sequences',
  capture({ tracee, core }) {
    const { address, size, signature } = tracee.rseqConfiguration();
    threadCoreOf(core).rseqEntry = { rseqAbiPointer: BigInt(address), rseqAbiSize: size, signature };
  },
  restore: [
    {
      phase: 'late',
      because: 'the kernel writes the CPU into it, and kills who has no such memory',
      run({ core }, batch) {
        const entry = readThreadCore(core).rseqEntry;
        if (entry === undefined || entry.rseqAbiPointer === 0n) return;
        batch.doing('register restartable sequences').call(SYS.rseq, entry.rseqAbiPointer, entry.rseqAbiSize, 0, entry.signature);
      },
    },
  ],
};

export type RseqCs = StructValue<typeof rseq_cs>;

/**
 * The critical section that a thread names in its struct rseq, whether it is in it or not. Read it before the thread
 * makes a call for us: then the kernel clears it.
 */
export function readRseqCs(tracee: Tracee): RseqCs | undefined {
  const { address, size } = tracee.rseqConfiguration();
  if (address === 0 || size === 0) return undefined;
  const area = rseq_area.decode(tracee.read(address, rseq_area.size));
  return area.rseq_cs === 0 ? undefined : rseq_cs.decode(tracee.read(area.rseq_cs, rseq_cs.size));
}

/**
 * What the kernel does to a thread that was preempted inside of a critical section: it goes on at the abort handler.
 * @returns a copy, or `registers` itself where it is in none. A copy has to be set in the living thread too, before
 * its first remote call: the kernel forgets the section then, and would let it run to its end on stale data.
 */
export function abortCriticalSection(registers: Registers, section: RseqCs | undefined): Registers {
  if (section === undefined) return registers;
  const offset = registers.get('rip') - BigInt(section.start_ip);
  if (offset < 0n || offset >= section.post_commit_offset) return registers;
  const out = registers.clone();
  out.set('rip', section.abort_ip);
  out.set('origRax', -1n);
  return out;
}

/**
 * Images of CRIU on old kernels keep a section that asked not to be aborted (RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL, gone
 * since 6.1). To be done last: the kernel clears it whenever the thread runs outside of it.
 */
export function restoreRseqCs(tracee: Tracee, core: core_entry): void {
  const entry = readThreadCore(core).rseqEntry;
  if (entry?.rseqCsPointer === undefined || entry.rseqAbiPointer === 0n) return;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, entry.rseqCsPointer, true);
  tracee.write(Number(entry.rseqAbiPointer) + rseq_area.offsets.rseq_cs, bytes);
}
