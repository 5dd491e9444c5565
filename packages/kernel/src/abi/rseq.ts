// rseq(2), linux/rseq.h
import { defineStruct, ptr, u32, u64 } from './struct.js';

export const RSEQ_FLAG = {
  UNREGISTER: 0x1,
} as const;

export const RSEQ_CPU_ID = {
  UNINITIALIZED: -1,
  REGISTRATION_FAILED: -2,
} as const;

/** Offset of flags in struct rseq and what a registration of the first kernels (32 bytes) spans. */
export const RSEQ_ORIG_SIZE = 32;
/** What glibc puts in front of every abort handler on x86; PTRACE_GET_RSEQ_CONFIGURATION tells the real one. */
export const RSEQ_SIG = 0x53053053;

/** The thread's area; aligned to 32 bytes. */
export const rseq = /* @__PURE__ */ defineStruct(
  'rseq',
  {
    cpu_id_start: u32,
    cpu_id: u32,
    /** address of the current rseq_cs, or 0 */
    rseq_cs: ptr,
    flags: u32,
    node_id: u32,
    mm_cid: u32,
  },
  { size: 32, header: ['linux/types.h', 'linux/rseq.h'], openEnd: true, since: { node_id: '6.3', mm_cid: '6.3' } },
);

/** A critical section. Aligned to 32 bytes. */
export const rseq_cs = /* @__PURE__ */ defineStruct(
  'rseq_cs',
  {
    version: u32,
    flags: u32,
    start_ip: ptr,
    post_commit_offset: u64,
    abort_ip: ptr,
  },
  { size: 32, header: ['linux/types.h', 'linux/rseq.h'] },
);
