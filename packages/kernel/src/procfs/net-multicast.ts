// /proc/net/igmp and igmp6 (net/ipv4/igmp.c igmp_mc_seq_show, net/ipv6/mcast.c igmp6_mc_seq_show): what interfaces listen to.
import { ProcFormatError } from './errors.js';
import { isAbsent, readProcText } from './read.js';

/** A multicast group that somebody has joined on an interface. */
export interface MulticastGroup {
  readonly index: number;
  readonly device: string;
  /** Network order: 4 or 16 bytes. */
  readonly group: Uint8Array;
  /** How many have joined it; the kernel itself is one of them for some groups. */
  readonly users: number;
}

/** A line for an interface (`2\teth0      :     1      V3`), then one for each of its groups (`\t\t\t\t010000E0     1 0:00000000\t\t0`). */
export function parseIgmp(text: string): MulticastGroup[] {
  const groups: MulticastGroup[] = [];
  let of: { readonly index: number; readonly device: string } | undefined;
  for (const line of text.split('\n').slice(1)) {
    const [, index, device] = /^(\d+)\t(\S+) *:/.exec(line) ?? [];
    if (index !== undefined && device !== undefined) {
      of = { index: Number(index), device };
      continue;
    }
    const [, group, users] = /^\t\t\t\t([0-9A-F]{8}) +(\d+) /.exec(line) ?? [];
    if (group === undefined) {
      if (line === '') continue;
      throw new ProcFormatError('igmp', line, 'unknown format');
    }
    if (of === undefined) throw new ProcFormatError('igmp', line, 'a group of no interface');
    // A word as this CPU reads it: little-endian.
    groups.push({ ...of, group: new Uint8Array(Uint32Array.of(Number.parseInt(group, 16)).buffer), users: Number(users) });
  }
  return groups;
}

/** `2    eth0            ff020000000000000000000000000001     1 0000000C 0` */
export function parseIgmp6(text: string): MulticastGroup[] {
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const [, index, device, group, users] = /^(\d+) +(\S+) +([0-9a-f]{32}) +(\d+) /.exec(line) ?? [];
    if (index === undefined || device === undefined || group === undefined) throw new ProcFormatError('igmp6', line, 'unknown format');
    return { index: Number(index), device, group: new Uint8Array(Buffer.from(group, 'hex')), users: Number(users) };
  });
}

/** Of our own network namespace. */
export function readMulticastGroups(v6: boolean): MulticastGroup[] {
  try {
    return v6 ? parseIgmp6(readProcText('self', 'net/igmp6')) : parseIgmp(readProcText('self', 'net/igmp'));
  } catch (error) {
    // A kernel without multicast, or without IPv6.
    if (isAbsent(error)) return [];
    throw error;
  }
}
