import type { inet_sk_entry } from '../gen/sk-inet.js';
import { readAddress, showAddress } from '../json/ip-address.js';
import { IP_PROTOCOL, named } from '../views/names.js';
import { findConflict, isListening, keyOf } from './inet-conflicts.js';
import type { LocalEnd } from './inet-conflicts.js';
import { EditRefused } from './refusal.js';
import type { Outcome } from './report.js';
import { messageChange } from './transformation.js';
import type { Asked, Transformation, Work } from './transformation.js';

const TCP_CLOSE = 7;
const SOCK_RAW = 3;
/** IPPROTO_TCP, _UDP, _UDPLITE: the others have no ports, or something else where these have one. */
const WITH_PORTS: readonly number[] = [6, 17, 136];

interface Change<To> {
  readonly to: To;
  readonly outcome: Outcome;
  readonly keep: boolean;
}

/** Ports and addresses of inet sockets: those of all edits at once, so that what they come to together is judged. */
export function inetTransformation(asked: Asked<'port' | 'bind'>): Transformation {
  const ports = new Map<number, Change<number>>();
  const addresses = new Map<string, Change<readonly number[]>>();
  for (const { edit, outcome } of asked) {
    const keep = edit.connections === 'keep';
    if (edit.from === edit.to) throw new EditRefused('edit-refused', `${edit.edit} ${edit.from}`, 'it would stay what it is');
    if (edit.edit === 'port') put(ports, portOf(edit.from), `port ${edit.from}`, { to: portOf(edit.to), outcome, keep });
    else {
      const [from, to] = [addressOf(edit.from), addressOf(edit.to)];
      if (from.length !== to.length) throw new EditRefused('edit-refused', `address ${edit.from}`, `${edit.to} is of another family: a socket keeps its own`);
      if (isLinkLocal(to)) throw new EditRefused('edit-refused', `address ${edit.to}`, 'a link-local address is one of an interface, and the images don’t say which it should be');
      put(addresses, keyOf(from), `address ${edit.from}`, { to, outcome, keep });
    }
  }
  /** the new ends, by the id of the open file */
  const moved = new Map<number, LocalEnd>();
  return {
    prepare: (work) => prepare(ports, addresses, moved, work),
    messages: {
      inet_sk_entry: messageChange<inet_sk_entry>((message) => {
        const end = moved.get(message.id);
        if (end === undefined) return;
        message.srcPort = end.port;
        message.srcAddr = [...end.address];
      }),
    },
  };
}

function put<Key, To>(map: Map<Key, Change<To>>, key: Key, name: string, change: Change<To>): void {
  if (map.has(key)) throw new EditRefused('edit-conflict', name, 'two edits change it');
  map.set(key, change);
}

function portOf(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new EditRefused('edit-refused', `port ${port}`, 'a port is a number from 1 to 65535');
  return port;
}

function addressOf(text: string): readonly number[] {
  const address = readAddress(text);
  if (address === undefined) throw new EditRefused('edit-refused', `address ${text}`, 'it is no IPv4 or IPv6 address');
  return address;
}

/** fe80::/10; words are as they lie in memory, in network order. */
const isLinkLocal = (address: readonly number[]): boolean => address.length === 4 && (address[0]! & 0xff) === 0xfe && (address[0]! & 0xc000) === 0x8000;

export const endText = ({ address, port }: Pick<LocalEnd, 'address' | 'port'>): string => `${address.length === 4 ? `[${showAddress(address)}]` : showAddress(address)}:${port}`;
const nameOf = (socket: inet_sk_entry): string => `${named(IP_PROTOCOL, socket.proto)} ${endText({ address: socket.srcAddr, port: socket.srcPort })}`;

/** Does somebody else know its own end? */
const isConnected = (socket: inet_sk_entry): boolean => socket.dstPort !== 0 && socket.state !== TCP_CLOSE && !isListening(socket);

async function prepare(ports: ReadonlyMap<number, Change<number>>, addresses: ReadonlyMap<string, Change<readonly number[]>>, moved: Map<number, LocalEnd>, { checkpoint, findings }: Work): Promise<void> {
  const { tcpClose } = await checkpoint.inventory();
  const ends: { socket: inet_sk_entry; before: LocalEnd; after: LocalEnd }[] = [];
  for (const { entry } of (await checkpoint.openFiles()).values()) {
    const socket = entry.isk;
    if (socket === undefined || socket.type === SOCK_RAW || socket.srcPort === 0 || !WITH_PORTS.includes(socket.proto)) continue;
    const before: LocalEnd = { address: socket.srcAddr, port: socket.srcPort };
    const port = ports.get(before.port);
    const address = addresses.get(keyOf(before.address));
    const changes = [port, address].filter((change) => change !== undefined);
    if (isConnected(socket)) {
      // Connections of a dump with --tcp-close come back closed.
      if (changes.length > 0 && tcpClose !== true) keepConnection(socket, changes, findings.notes);
      continue;
    }
    const after: LocalEnd = { address: address?.to ?? before.address, port: port?.to ?? before.port };
    ends.push({ socket, before, after });
    if (changes.length === 0) continue;
    moved.set(entry.id, after);
    for (const { outcome } of changes) outcome.changed({ file: 'files.img', object: `${named(IP_PROTOCOL, socket.proto)} socket, file ${entry.id}`, from: endText(before), to: endText(after) });
  }
  const conflict = findConflict(ends);
  if (conflict !== undefined) {
    const [a, b] = conflict;
    throw new EditRefused('edit-conflict', `${named(IP_PROTOCOL, a.socket.proto)} ${endText(a.after)}`, `the socket that was ${endText(a.before)} would have it besides the one that was ${endText(b.before)}, and they don’t share by SO_REUSEPORT or SO_REUSEADDR`, 'choose another port or address, or change that of the other one, too');
  }
}

function keepConnection(socket: inet_sk_entry, changes: readonly Change<unknown>[], notes: Set<string>): void {
  const remote = endText({ address: socket.dstAddr, port: socket.dstPort });
  if (changes.some(({ keep }) => !keep)) throw new EditRefused('edit-refused', nameOf(socket), `it is connected to ${remote}, which knows it by that`, 'let connections keep theirs (--keep-connections), or close them at the dump (--tcp-close)');
  notes.add(`${nameOf(socket)} stays as it is: it is connected to ${remote}`);
}
