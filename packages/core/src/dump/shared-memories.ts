import { KCMP } from '@criu-ts/kernel/abi';
import { Bug } from '../errors.js';
import { DUMPERS_OWN } from '../resources/identity.js';
import { KernelObjects } from './kernel-identity.js';

/** Numbers of the images, `vm_id` and `sighand_id`: who has the same shares it. */
export interface MemoryIds {
  readonly vmId: number;
  readonly sighandId: number;
}

/** An address space. */
interface Shared {
  readonly first: number;
  readonly ids: MemoryIds;
}

/**
 * Which processes share their memory (clone(2) with CLONE_VM but without CLONE_THREAD, as LinuxThreads did), and which
 * of those their signal handlers too (CLONE_SIGHAND). For each other they are what threads are: code and dead stack
 * that one borrows must be nobody's else, and everything in the memory is there once.
 */
export class SharedMemories {
  readonly #memories = new KernelObjects<Shared>(KCMP.VM);
  readonly #handlers = new KernelObjects<number>(KCMP.SIGHAND);
  readonly #of = new Map<number, Shared>();
  #last: number = DUMPERS_OWN;

  /** The pid of the first that has this memory: its own, where it is the first. */
  add(pid: number): number {
    const { first, ids: { vmId } } = this.#memories.findOrAdd(pid, 0, () => {
      const id = ++this.#last;
      return { first: pid, ids: { vmId: id, sighandId: id } };
    });
    // Handlers are shared only together with memory, so those of others need no comparison.
    const sighandId = this.#handlers.findOrAdd(pid, 0, () => (first === pid ? vmId : ++this.#last), String(first));
    this.#of.set(pid, { first, ids: { vmId, sighandId } });
    return first;
  }

  /** The first process that has the same memory. */
  of(pid: number): number {
    return this.#of.get(pid)?.first ?? pid;
  }

  ids(pid: number): MemoryIds {
    const shared = this.#of.get(pid);
    if (shared === undefined) throw new Bug(`the memory of process ${pid} was not looked at`);
    return shared.ids;
  }
}
