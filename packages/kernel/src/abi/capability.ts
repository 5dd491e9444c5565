// capabilities(7), linux/capability.h
import { namer } from './names.js';
import { defineStruct, i32, u32 } from './struct.js';

/** Capability numbers. */
export const CAP = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  LINUX_IMMUTABLE: 9,
  NET_BIND_SERVICE: 10,
  NET_BROADCAST: 11,
  NET_ADMIN: 12,
  NET_RAW: 13,
  IPC_LOCK: 14,
  IPC_OWNER: 15,
  SYS_MODULE: 16,
  SYS_RAWIO: 17,
  SYS_CHROOT: 18,
  SYS_PTRACE: 19,
  SYS_PACCT: 20,
  SYS_ADMIN: 21,
  SYS_BOOT: 22,
  SYS_NICE: 23,
  SYS_RESOURCE: 24,
  SYS_TIME: 25,
  SYS_TTY_CONFIG: 26,
  MKNOD: 27,
  LEASE: 28,
  AUDIT_WRITE: 29,
  AUDIT_CONTROL: 30,
  SETFCAP: 31,
  MAC_OVERRIDE: 32,
  MAC_ADMIN: 33,
  SYSLOG: 34,
  WAKE_ALARM: 35,
  BLOCK_SUSPEND: 36,
  AUDIT_READ: 37,
  PERFMON: 38,
  BPF: 39,
  CHECKPOINT_RESTORE: 40,
} as const;

/** cap_user_header.version with two cap_user_data. */
export const LINUX_CAPABILITY_VERSION_3 = 0x20080522;

export const cap_user_header = /* @__PURE__ */ defineStruct(
  '__user_cap_header_struct',
  {
    version: u32,
    pid: i32,
  },
  { size: 8, header: 'linux/capability.h' },
);

/** Two of them: capabilities 0…31, then 32…63. */
export const cap_user_data = /* @__PURE__ */ defineStruct(
  '__user_cap_data_struct',
  {
    effective: u32,
    permitted: u32,
    inheritable: u32,
  },
  { size: 12, header: 'linux/capability.h' },
);

/** "CAP_SYS_ADMIN" for 21, "capability 63" for what has no name. */
export const capabilityName: (capability: number) => string = /* @__PURE__ */ namer(CAP, { prefix: 'CAP_', otherwise: 'capability' });
