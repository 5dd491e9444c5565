import { swapped } from '../io/cursor.js';

/** Numbers that the kernel's headers name, as far as the views show them. A number without a name is shown as it is. */
type Names = Readonly<Record<number, string>>;

export const named = (names: Names, value: number): string => names[value] ?? String(value);

/** socket.h */
export const SOCKET_FAMILY: Names = { 1: 'unix', 2: 'inet', 10: 'inet6', 16: 'netlink', 17: 'packet' };
export const SOCKET_TYPE: Names = { 1: 'stream', 2: 'dgram', 3: 'raw', 5: 'seqpacket', 10: 'packet' };
/** in.h */
export const IP_PROTOCOL: Names = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 136: 'udplite', 255: 'raw' };
/** tcp_states.h */
export const TCP_STATE: Names = { 1: 'established', 2: 'syn-sent', 3: 'syn-recv', 4: 'fin-wait-1', 5: 'fin-wait-2', 6: 'time-wait', 7: 'close', 8: 'close-wait', 9: 'last-ack', 10: 'listen', 11: 'closing' };
/** time.h */
export const CLOCK: Names = { 0: 'realtime', 1: 'monotonic', 2: 'process-cpu', 3: 'thread-cpu', 4: 'monotonic-raw', 7: 'boottime', 8: 'realtime-alarm', 9: 'boottime-alarm', 11: 'tai' };
/** task-state: what the images call alive, dead, stopped and zombie */
export const TASK_STATE: Names = { 1: 'running', 2: 'zombie', 3: 'stopped', 6: 'zombie', 1000: 'running' };
/** sched.h */
export const SCHED_POLICY: Names = { 0: 'other', 1: 'fifo', 2: 'rr', 3: 'batch', 5: 'idle', 6: 'deadline' };
/** resource.h, in the order of their numbers */
export const RLIMIT = ['cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'nproc', 'nofile', 'memlock', 'as', 'locks', 'sigpending', 'msgqueue', 'nice', 'rtprio', 'rttime'] as const;

/** signal.h, x86 and arm; real-time signals count from SIGRTMIN = 34 as libc does. */
const SIGNALS = 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(' ');
export function signalName(number: number): string {
  if (number === 0) return '0';
  const name = SIGNALS[number - 1];
  if (name !== undefined) return `SIG${name}`;
  return number < 34 ? `SIG${number}` : `SIGRTMIN${number === 34 ? '' : `+${number - 34}`}`;
}

/** The signals in a mask, lowest first. */
export function signalsIn(mask: bigint): string[] {
  const names: string[] = [];
  for (let number = 1; number <= 64; number++) if ((mask >> BigInt(number - 1)) & 1n) names.push(signalName(number));
  return names;
}

/** capability.h, in the order of their numbers */
const CAPABILITIES =
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'.split(
    ' ',
  );

/** The capabilities in a set, which the images have as 32-bit words, lowest first. */
export function capabilitiesIn(words: readonly number[]): string[] {
  const names: string[] = [];
  words.forEach((word, i) => {
    for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) names.push(CAPABILITIES[32 * i + bit] ?? `cap_${32 * i + bit}`);
  });
  return names;
}

/** "all but sys_time", where only a few are missing. */
export function capabilitiesText(names: readonly string[]): string {
  const missing = CAPABILITIES.filter((name) => !names.includes(name));
  if (missing.length === 0) return 'all capabilities';
  if (missing.length <= 5) return `all capabilities but ${missing.join(' ')}`;
  return names.length === 0 ? 'no capabilities' : `capabilities ${names.join(' ')}`;
}

/** The flags of an open file (fcntl.h), without those that say nothing to people (O_LARGEFILE). */
export function openFlags(flags: number): string {
  const access = ['r', 'w', 'rw', 'rw'][flags & 3]!;
  const bits: readonly (readonly [number, string])[] = [[0o2000, 'append'], [0o4000, 'nonblock'], [0o40000, 'direct'], [0o200000, 'directory'], [0o1000000, 'noatime'], [0o4010000, 'sync'], [0o10000000, 'path']];
  return [access, ...bits.filter(([bit]) => (flags & bit) === bit).map(([, name]) => name)].join(',');
}

/** An address as inet sockets have it: words in network order as the machine read them. */
export function ipAddress(words: readonly number[], bigEndian = false): string {
  const bytes = words.map((word) => (bigEndian ? swapped(word) : word)).flatMap((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24]);
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return '?';
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  // RFC 5952: the longest run of zeros, of two at least, is left out.
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

/** A unix socket's name: "@name" for an abstract one, the path, or "" for none. Anything but text is shown as \xNN. */
export function unixName(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  const abstract = bytes[0] === 0;
  const rest = abstract ? bytes.subarray(1) : bytes.subarray(0, bytes.indexOf(0) < 0 ? bytes.length : bytes.indexOf(0));
  return (abstract ? '@' : '') + printable(rest);
}

export const printable = (bytes: Uint8Array): string => [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`)).join('');
