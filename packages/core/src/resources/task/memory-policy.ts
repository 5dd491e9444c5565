// set_mempolicy(2)
import { SYS } from '@criu-ts/kernel/abi';
import { Memory, rawSyscall } from '@criu-ts/kernel/sys';
import { readFileSync } from 'node:fs';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';

/** More than any kernel has (CONFIG_NODES_SHIFT is 10 at most): a smaller set is EINVAL. */
const NODES = 1024;
const NODE_BYTES = NODES / 8;
/** The kernel takes one off what it is told. */
const MAX_NODE = NODES + 1;
const MPOL_DEFAULT = 0;
const own = new Memory(8);

/** Key of {@link DumpContext.shared}. */
export const SEVERAL_NODES = 'there are several NUMA nodes';

function severalNodes(): boolean {
  try {
    return readFileSync('/sys/devices/system/node/online', 'latin1').trim() !== '0';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * From which NUMA nodes the thread's memory comes. Where there is only one, every policy means the same, and nobody is
 * asked. Those of single mappings (mbind(2)) are not kept.
 */
export const memoryPolicy: ThreadFacet = {
  name: 'memory policy',
  capture({ core }, remote, at) {
    if (!at.shared(SEVERAL_NODES, severalNodes)) return;
    const nodesAt = remote.data + 8;
    // ENOSYS: a kernel without NUMA.
    if (remote.call(SYS.get_mempolicy, remote.data, nodesAt, NODES, 0, 0) < 0) return;
    const bytes = remote.read(remote.data, 8 + NODE_BYTES);
    const policy = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (policy === MPOL_DEFAULT) return;
    Object.assign(threadCoreOf(core), { mempolicy: policy, mempolicyNodes: bytes.slice(8) });
  },
  restore: [
    {
      phase: 'late',
      because: 'it is for what the thread takes from now on; a puppet has inherited ours',
      run({ core }, batch, at) {
        const { mempolicy = MPOL_DEFAULT, mempolicyNodes = new Uint8Array(0) } = readThreadCore(core);
        const inherited = at.shared('our own memory policy', () => (rawSyscall(SYS.get_mempolicy, own.address, 0, 0, 0, 0) < 0 ? MPOL_DEFAULT : own.view.getInt32(0, true)));
        if (mempolicy === MPOL_DEFAULT && inherited === MPOL_DEFAULT) return;
        batch.doing('set the memory policy').call(SYS.set_mempolicy, mempolicy, ...(mempolicyNodes.some((byte) => byte !== 0) ? [batch.bytes(mempolicyNodes), MAX_NODE] : [0, 0]));
      },
    },
  ],
};
