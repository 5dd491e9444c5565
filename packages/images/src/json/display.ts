import type { DisplayOptions } from '../message/description.js';

/**
 * How numbers are shown in pretty JSON, and read back. The names are those of `crit`, so that each reads what the other
 * writes; the values are the kernel's (fcntl.h, mman.h, memfd.h, socket.h, tcp_states.h) and CRIU's image format's.
 */

type Names = Readonly<Record<string, number>>;

/** (criu).flags: bits by name, in the order in which they are shown. */
const BIT_NAMES: Readonly<Record<string, Names>> = {
  'mmap.prot': { PROT_READ: 0x1, PROT_WRITE: 0x2, PROT_EXEC: 0x4 },
  'mmap.flags': { MAP_SHARED: 0x1, MAP_PRIVATE: 0x2, MAP_DROPPABLE: 0x8, MAP_ANON: 0x20, MAP_GROWSDOWN: 0x100 },
  'mmap.status': {
    VMA_AREA_NONE: 0,
    VMA_AREA_REGULAR: 2 ** 0,
    VMA_AREA_STACK: 2 ** 1,
    VMA_AREA_VSYSCALL: 2 ** 2,
    VMA_AREA_VDSO: 2 ** 3,
    VMA_AREA_HEAP: 2 ** 5,
    VMA_FILE_PRIVATE: 2 ** 6,
    VMA_FILE_SHARED: 2 ** 7,
    VMA_ANON_SHARED: 2 ** 8,
    VMA_ANON_PRIVATE: 2 ** 9,
    VMA_AREA_SYSVIPC: 2 ** 10,
    VMA_AREA_SOCKET: 2 ** 11,
    VMA_AREA_VVAR: 2 ** 12,
    VMA_AREA_AIORING: 2 ** 13,
    VMA_AREA_MEMFD: 2 ** 14,
    VMA_AREA_SHSTK: 2 ** 15,
    VMA_AREA_UPROBES: 2 ** 17,
    VMA_UNSUPP: 2 ** 31,
  },
  'rfile.flags': {
    O_WRONLY: 0o1,
    O_RDWR: 0o2,
    O_CREAT: 0o100,
    O_EXCL: 0o200,
    O_NOCTTY: 0o400,
    O_TRUNC: 0o1000,
    O_APPEND: 0o2000,
    O_NONBLOCK: 0o4000,
    O_DSYNC: 0o10000,
    FASYNC: 0o20000,
    O_DIRECT: 0o40000,
    O_LARGEFILE: 0o100000,
    O_DIRECTORY: 0o200000,
    O_NOFOLLOW: 0o400000,
    O_NOATIME: 0o1000000,
    O_CLOEXEC: 0o2000000,
  },
  'pmap.flags': { PE_PARENT: 1, PE_LAZY: 2, PE_PRESENT: 4 },
  'seals.flags': { F_SEAL_SEAL: 0x1, F_SEAL_SHRINK: 0x2, F_SEAL_GROW: 0x4, F_SEAL_WRITE: 0x8, F_SEAL_FUTURE_WRITE: 0x10 },
};

/** (criu).dict: by dictionary and field, values by name. */
const VALUE_NAMES: Readonly<Record<string, Readonly<Record<string, Names>>>> = {
  gen: { task_state: { Alive: 1, Zombie: 3, Stopped: 6 } },
  sk: {
    family: { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 },
    type: { STREAM: 1, DGRAM: 2, RAW: 3, SEQPACKET: 5, PACKET: 10 },
    state: { ESTABLISHED: 1, SYN_SENT: 2, SYN_RECV: 3, FIN_WAIT1: 4, FIN_WAIT2: 5, TIME_WAIT: 6, CLOSE: 7, CLOSE_WAIT: 8, LAST_ACK: 9, LISTEN: 10 },
    proto: { IP: 0, TCP: 6, UDP: 17, UDPLITE: 136 },
  },
};

const hex = (value: bigint): string => (value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/** The kernel's form of a device number has 20 minor bits (kdev_t.h); that of stat(2) is scattered (sysmacros.h). */
const splitDevice = (value: bigint, asStat: boolean): [bigint, bigint] =>
  asStat ? [((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xffff_f000n), (value & 0xffn) | ((value >> 12n) & 0xffff_ff00n)] : [value >> 20n, value & 0xf_ffffn];

const joinDevice = (major: bigint, minor: bigint, asStat: boolean): bigint =>
  asStat ? ((major & 0xfffn) << 8n) | ((major & 0xffff_f000n) << 32n) | (minor & 0xffn) | ((minor & 0xffff_ff00n) << 12n) : (major << 20n) | minor;

/** The text that pretty JSON shows for a number; undefined where it shows the number. */
export function showNumber(fieldName: string, display: DisplayOptions, value: bigint, hexAbove: boolean): string | undefined {
  if (hexAbove || display.hex) return hex(value);
  if (display.dev) return splitDevice(value, display.odev === true).join(':');
  if (display.flags !== undefined) {
    const names = BIT_NAMES[display.flags];
    return names === undefined ? hex(value) : showBits(value, names);
  }
  if (display.dict !== undefined) {
    const names = VALUE_NAMES[display.dict]?.[fieldName] ?? {};
    return Object.keys(names).find((name) => BigInt(names[name]!) === value);
  }
  return undefined;
}

/** Mappings by the thousands have few kinds of flags. */
const shownBits = new Map<Names, Map<bigint, string>>();
const MAX_SHOWN = 1000;

function showBits(value: bigint, names: Names): string {
  const known = shownBits.get(names) ?? new Map<bigint, string>();
  shownBits.set(names, known);
  let text = known.get(value);
  if (text === undefined) {
    text = bitsText(value, names);
    if (known.size < MAX_SHOWN) known.set(value, text);
  }
  return text;
}

function bitsText(value: bigint, names: Names): string {
  const shown = Object.keys(names).filter((name) => (value & BigInt(names[name]!)) !== 0n);
  const rest = Object.values(names).reduce((left, bits) => left & ~BigInt(bits), value);
  return [...shown, ...(rest === 0n ? [] : [hex(rest)])].join(' | ');
}

/** The number behind a text that `showNumber` gave, or any number as text; undefined where it is none. */
export function readNumber(fieldName: string, display: DisplayOptions, text: string): bigint | undefined {
  if (display.dev) {
    const [, major, minor] = /^(\d+):(\d+)$/.exec(text) ?? [];
    return major === undefined ? plainNumber(text) : joinDevice(BigInt(major), BigInt(minor!), display.odev === true);
  }
  if (display.flags !== undefined) {
    if (text === '') return 0n;
    const names = BIT_NAMES[display.flags] ?? {};
    const bits = text.split('|').map((part) => ownNumber(names, part.trim()) ?? plainNumber(part.trim()));
    return bits.includes(undefined) ? undefined : (bits as bigint[]).reduce((all, bit) => all | bit, 0n);
  }
  if (display.dict !== undefined) return ownNumber(VALUE_NAMES[display.dict]?.[fieldName] ?? {}, text) ?? plainNumber(text);
  return plainNumber(text);
}

const ownNumber = (names: Names, name: string): bigint | undefined => (Object.hasOwn(names, name) ? BigInt(names[name]!) : undefined);

function plainNumber(text: string): bigint | undefined {
  const [, sign, digits] = /^(-?)(0x[0-9a-fA-F]+|\d+)$/.exec(text) ?? [];
  return digits === undefined ? undefined : (sign ? -1n : 1n) * BigInt(digits);
}
