import type { inet_sk_entry } from '../gen/sk-inet.js';

const TCP = 6;
const TCP_LISTEN = 10;

/** What a socket is bound to. */
export interface LocalEnd {
  /** words as the images have them */
  readonly address: readonly number[];
  readonly port: number;
}

export interface BoundSocket {
  readonly socket: inet_sk_entry;
  readonly before: LocalEnd;
  readonly after: LocalEnd;
}

export const isListening = ({ proto, state }: inet_sk_entry): boolean => proto === TCP && state === TCP_LISTEN;
export const keyOf = (address: readonly number[]): string => address.join(' ');

/** Two sockets that could not both be bound as they are to be, and could before. */
export function findConflict(ends: readonly BoundSocket[]): readonly [BoundSocket, BoundSocket] | undefined {
  const byPort = new Map<string, BoundSocket[]>();
  for (const end of ends) {
    const key = `${end.socket.proto} ${end.socket.nsId ?? 0} ${end.after.port}`;
    const others = byPort.get(key) ?? [];
    const isMoved = (one: BoundSocket): boolean => one.before.port !== one.after.port || keyOf(one.before.address) !== keyOf(one.after.address);
    const rival = others.find((other) => (isMoved(end) || isMoved(other)) && collide(end, other, 'after') && !collide(end, other, 'before'));
    if (rival !== undefined) return [end, rival];
    others.push(end);
    byPort.set(key, others);
  }
  return undefined;
}

/** As the kernel judges bind(2) (inet_csk_bind_conflict, udp_lib_lport_inuse): the same port and an address in common, unless both share. */
function collide(a: BoundSocket, b: BoundSocket, when: 'before' | 'after'): boolean {
  if (a[when].port !== b[when].port || !overlap(a, b, when)) return false;
  const [first, second] = [a.socket, b.socket];
  const devices = [first.opts.soBoundDev, second.opts.soBoundDev];
  if (devices[0] !== undefined && devices[1] !== undefined && devices[0] !== devices[1]) return false;
  if (first.opts.soReuseport === true && second.opts.soReuseport === true) return false;
  const bothReuse = first.opts.reuseaddr === true && second.opts.reuseaddr === true;
  return !(bothReuse && !isListening(first) && !isListening(second));
}

const isWildcard = (address: readonly number[]): boolean => address.every((word) => word === 0);
/** ::ffff:a.b.c.d is a.b.c.d */
const plain = (address: readonly number[]): readonly number[] => (address.length === 4 && address[0] === 0 && address[1] === 0 && address[2] === 0xffff_0000 ? address.slice(3) : address);

function overlap(a: BoundSocket, b: BoundSocket, when: 'before' | 'after'): boolean {
  const [first, second] = [plain(a[when].address), plain(b[when].address)];
  if (first.length === second.length) return keyOf(first) === keyOf(second) || isWildcard(first) || isWildcard(second);
  // :: takes IPv4 as well, unless it is IPV6_V6ONLY.
  const [six, sixAddress, fourAddress] = first.length === 4 ? [a, first, second] : [b, second, first];
  return six.socket.v6Only !== true && isWildcard(sixAddress) && (isWildcard(fourAddress) || fourAddress.length === 1);
}
