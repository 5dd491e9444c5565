// prctl(2) PR_SET_TSC, PR_SET_SPECULATION_CTRL; arch_prctl(2) ARCH_SET_CPUID, ARCH_REQ_XCOMP_PERM, ARCH_ENABLE_TAGGED_ADDR
import { ARCH, PR, SYS } from '@criu-ts/kernel/abi';
import { Memory, rawSyscall } from '@criu-ts/kernel/sys';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import { Unsupported } from '../../errors.js';
import type { DumpContext, RestoreContext } from '../contexts.js';
import type { ProcessFacet, ThreadFacet } from '../facets.js';
import { readTaskCore, readThreadCore, taskCoreOf, threadCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

const word = new Memory(8);

/** rdtsc gives a SIGSEGV, as record-and-replay tools have it. */
export const timestampCounter: ThreadFacet = {
  name: 'time-stamp counter',
  capture({ core }, remote) {
    mustCall(remote, SYS.prctl, PR.GET_TSC, remote.data);
    const mode = remote.read(remote.data, 4)[0] as number;
    if (mode !== PR.TSC_ENABLE) threadCoreOf(core).tscMode = mode;
  },
  restore: [
    {
      phase: 'arm',
      because: 'from now on nobody needs the time in it',
      run({ core }, batch) {
        const { tscMode } = readThreadCore(core);
        if (tscMode !== undefined) batch.doing('set what rdtsc does').call(SYS.prctl, PR.SET_TSC, tscMode);
      },
    },
  ],
};

/** cpuid gives a SIGSEGV; only few CPUs can. */
export const cpuidFaulting: ThreadFacet = {
  name: 'cpuid faulting',
  capture({ core }, remote, at) {
    // Allowing it to ourselves changes nothing; ENODEV where it can't be forbidden.
    const possible = at.shared('cpuid can fault', () => rawSyscall(SYS.arch_prctl, ARCH.SET_CPUID, 1) === 0);
    if (possible && mustCall(remote, SYS.arch_prctl, ARCH.GET_CPUID, 0) === 0) threadCoreOf(core).cpuidFaults = true;
  },
  restore: [
    {
      phase: 'arm',
      because: 'our own code asks the CPU until then',
      run({ core }, batch) {
        if (readThreadCore(core).cpuidFaults === true) batch.doing('make cpuid fault').call(SYS.arch_prctl, ARCH.SET_CPUID, 0);
      },
    },
  ],
};

const MITIGATIONS = [
  { which: PR.SPEC_STORE_BYPASS, field: 'specStoreBypass', name: 'of stores' },
  { which: PR.SPEC_INDIRECT_BRANCH, field: 'specIndirectBranch', name: 'of indirect branches' },
  { which: PR.SPEC_L1D_FLUSH, field: 'specL1DFlush', name: 'by what is left in the L1 cache' },
] as const;

/** What a thread may choose on this host, and what we have ourselves; most hosts leave no choice. */
function choosable(at: DumpContext | RestoreContext): ReadonlyMap<number, number> {
  return at.shared('speculation that can be chosen', () => {
    const own = MITIGATIONS.map(({ which }) => [which, rawSyscall(SYS.prctl, PR.GET_SPECULATION_CTRL, which, 0, 0, 0)] as const);
    return new Map(own.filter(([, state]) => state > 0 && (state & PR.SPEC_PRCTL) !== 0));
  });
}

/** Which speculation of the CPU's a thread has forbidden itself (Documentation/userspace-api/spec_ctrl.rst). */
export const speculation: ThreadFacet = {
  name: 'speculation control',
  capture({ core }, remote, at) {
    const possible = choosable(at);
    for (const { which, field } of MITIGATIONS) if (possible.has(which)) threadCoreOf(core)[field] = mustCall(remote, SYS.prctl, PR.GET_SPECULATION_CTRL, which, 0, 0, 0);
  },
  restore: [
    {
      phase: 'late',
      because: 'what restores it is to be fast, and it can be forbidden for good',
      run({ core, task }, batch, at) {
        const entry = readThreadCore(core);
        for (const { which, field, name } of MITIGATIONS) {
          const state = entry[field];
          const own = choosable(at).get(which);
          if (state === undefined || state === own) continue;
          const wanted = state & ~PR.SPEC_PRCTL;
          if (own !== undefined) batch.doing(`set speculation ${name}`).call(SYS.prctl, PR.SET_SPECULATION_CTRL, which, wanted, 0, 0);
          else if (wanted !== PR.SPEC_ENABLE) at.emit({ type: 'warning', task: task.name, text: `it had forbidden itself speculation ${name} (PR_SET_SPECULATION_CTRL), which is no choice on this host` });
        }
      },
    },
  ],
};

/** Extended registers that are there on demand (AMX), as XSAVE numbers them. */
const ON_DEMAND = [18] as const;

/** Which extended registers the process may use; asked for once, for all its threads. */
export const xstatePermissions: ProcessFacet = {
  name: 'permission to use extended registers',
  capture(_task, core, remote, at) {
    const offered = at.shared('extended registers on demand', () => (rawSyscall(SYS.arch_prctl, ARCH.GET_XCOMP_SUPP, word.address) < 0 ? 0n : word.view.getBigUint64(0, true)));
    if (!ON_DEMAND.some((bit) => (offered & (1n << BigInt(bit))) !== 0n)) return;
    const mask = maskOf(remote);
    if (ON_DEMAND.some((bit) => (mask & (1n << BigInt(bit))) !== 0n)) taskCoreOf(core).xstatePermissions = mask;
  },
  restore: [
    {
      phase: 'early',
      because: 'threads and signal stacks must be able to hold them',
      run({ core }, batch) {
        const mask = readTaskCore(core).xstatePermissions ?? 0n;
        for (const bit of ON_DEMAND) if ((mask & (1n << BigInt(bit))) !== 0n) batch.doing(`be allowed extended register ${bit}`).call(SYS.arch_prctl, ARCH.REQ_XCOMP_PERM, bit);
      },
    },
  ],
};

function maskOf(remote: RemoteSyscalls): bigint {
  mustCall(remote, SYS.arch_prctl, ARCH.GET_XCOMP_PERM, remote.data);
  const bytes = remote.read(remote.data, 8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

const ALL_BITS = 0xffff_ffff_ffff_ffffn;

/** Linear Address Masking: the CPU ignores tags in addresses. */
export const addressTags: ProcessFacet = {
  name: 'tagged addresses',
  judge({ name, status }, at) {
    if ((status.untagMask ?? ALL_BITS) !== ALL_BITS) at.refuse(new Unsupported('task', 'tags in addresses are not supported', { object: `untag_mask 0x${(status.untagMask ?? 0n).toString(16)}`, task: name, why: 'it has turned on Linear Address Masking (ARCH_ENABLE_TAGGED_ADDR)', hint: 'run it without' }));
  },
  capture() {
    // Nothing to keep.
  },
  restore: [],
};
