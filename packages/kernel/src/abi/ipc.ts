// System V IPC: ipc(2), shmget(2), shmctl(2), semctl(2), msgctl(2); linux/ipc.h, linux/shm.h, linux/sem.h, linux/msg.h
import { defineStruct, i32, u16, u32, u64 } from './struct.js';

export const IPC = {
  PRIVATE: 0,
  CREAT: 0o1000,
  EXCL: 0o2000,
  NOWAIT: 0o4000,
  RMID: 0,
  SET: 1,
  STAT: 2,
} as const;

export const SHM = {
  /** shmget(2); the size of the pages above it, see HUGE_SHIFT. */
  HUGETLB: 0o4000,
  /** shmat(2) */
  RDONLY: 0o10000,
  /** shmctl(2) */
  LOCK: 11,
} as const;

/** Bits above the permissions in a segment's mode. */
export const SHM_MODE = {
  /** To be removed with the last attachment. */
  DEST: 0o1000,
  /** Kept in memory. */
  LOCKED: 0o2000,
} as const;

/** Commands of semctl(2), without their GET and SET: linux/sem.h. */
export const SEMCTL = {
  GETPID: 11,
  GETALL: 13,
  SETALL: 17,
} as const;

/** msgrcv(2) */
export const MSGRCV = {
  /** The message of that number, which stays in the queue; kernels with CONFIG_CHECKPOINT_RESTORE. */
  COPY: 0o40000,
} as const;

const PERMISSIONS = { key: i32, uid: u32, gid: u32, cuid: u32, cgid: u32, mode: u32, seq: u16, _pad: u16, _unused1: u64, _unused2: u64 };

/** C names of {@link PERMISSIONS}, a struct ipc64_perm. */
function permissionsOf(member: string): Record<'key' | 'uid' | 'gid' | 'cuid' | 'cgid' | 'mode' | 'seq', string> {
  return { key: `${member}.key`, uid: `${member}.uid`, gid: `${member}.gid`, cuid: `${member}.cuid`, cgid: `${member}.cgid`, mode: `${member}.mode`, seq: `${member}.seq` };
}

/** shmid_ds, as shmctl(2) IPC_STAT and IPC_SET have it. */
export const shmid64_ds = /* @__PURE__ */ defineStruct(
  'shmid64_ds',
  {
    ...PERMISSIONS,
    shm_segsz: u64,
    shm_atime: u64,
    shm_dtime: u64,
    shm_ctime: u64,
    shm_cpid: i32,
    shm_lpid: i32,
    shm_nattch: u64,
    _unused4: u64,
    _unused5: u64,
  },
  {
    size: 112,
    header: ['linux/shm.h'],
    members: /* @__PURE__ */ permissionsOf('shm_perm'),
  },
);

/** semid_ds, as semctl(2) IPC_STAT and IPC_SET have it. */
export const semid64_ds = /* @__PURE__ */ defineStruct(
  'semid64_ds',
  { ...PERMISSIONS, sem_otime: u64, _unused3: u64, sem_ctime: u64, _unused4: u64, sem_nsems: u64, _unused5: u64, _unused6: u64 },
  { size: 104, header: ['linux/sem.h'], members: /* @__PURE__ */ permissionsOf('sem_perm') },
);

/** msqid_ds, as msgctl(2) IPC_STAT and IPC_SET have it. */
export const msqid64_ds = /* @__PURE__ */ defineStruct(
  'msqid64_ds',
  {
    ...PERMISSIONS,
    msg_stime: u64,
    msg_rtime: u64,
    msg_ctime: u64,
    msg_cbytes: u64,
    msg_qnum: u64,
    msg_qbytes: u64,
    msg_lspid: i32,
    msg_lrpid: i32,
    _unused3: u64,
    _unused4: u64,
  },
  { size: 120, header: ['linux/msg.h'], members: /* @__PURE__ */ permissionsOf('msg_perm') },
);
