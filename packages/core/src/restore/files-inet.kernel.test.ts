import { AF, IP, IPPROTO, IPV6, sockaddr_in, sockaddr_in6, SO, SOCK, SOL, SYS, TCP } from '@criu-ts/kernel/abi';
import { IMAGE_TYPES } from '@criu-ts/images';
import { execFileSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { comparable } from '../testing/comparable.js';
import { enterOwnNetwork } from '../testing/own-network.js';
import { Subject } from '../testing/puppets.js';
import { dumpFiles, problemsOf, restoreInto } from '../testing/round-trip.js';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: descriptors of other processes are taken');
  process.exit(0);
}
enterOwnNetwork();

const LOCALHOST = Uint8Array.of(127, 0, 0, 1);
const v4 = (port: number, address = LOCALHOST): Uint8Array => sockaddr_in.encode({ sin_family: AF.INET, sin_port: port, sin_addr: address });
const v6 = (port: number, address: Uint8Array): Uint8Array => sockaddr_in6.encode({ sin6_family: AF.INET6, sin6_port: port, sin6_addr: address });
const i32 = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const LOOPBACK6 = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0));

function subject(t: Test): Subject {
  const made = new Subject();
  t.teardown(() => made[Symbol.dispose]());
  return made;
}

/** What the kernel says of a socket, by calls of the process itself. */
function look(task: Subject, fd: number, options: readonly (readonly [level: number, name: number, size?: number])[]): unknown {
  return task.puppet.batch((batch) => {
    const rows = options.map(([level, name, size = 4]) => {
      const value = batch.struct(size);
      const length = batch.struct(4);
      length.view.setInt32(0, size, true);
      return { value, size, result: batch.attempt(SYS.getsockopt, fd, level, name, value.address, length.address) };
    });
    const address = batch.struct(28);
    const length = batch.struct(4);
    length.view.setInt32(0, 28, true);
    batch.attempt(SYS.getsockname, fd, address.address, length.address);
    const peer = batch.struct(28);
    const peerLength = batch.struct(4);
    peerLength.view.setInt32(0, 28, true);
    const connected = batch.attempt(SYS.getpeername, fd, peer.address, peerLength.address);
    batch.run();
    const hex = (at: number, size: number): string => Buffer.from(task.puppet.tracee.read(at, size)).toString('hex');
    return [...rows.map(({ value, size, result }) => [batch.result(result), hex(value.address, size)]), hex(address.address, 28), batch.result(connected), hex(peer.address, 28)];
  });
}

const COMMON = [
  [SOL.SOCKET, SO.DOMAIN], [SOL.SOCKET, SO.TYPE], [SOL.SOCKET, SO.PROTOCOL], [SOL.SOCKET, SO.SNDBUF], [SOL.SOCKET, SO.RCVBUF], [SOL.SOCKET, SO.REUSEADDR], [SOL.SOCKET, SO.REUSEPORT],
  [SOL.SOCKET, SO.KEEPALIVE], [SOL.SOCKET, SO.BROADCAST], [SOL.SOCKET, SO.LINGER, 8], [SOL.SOCKET, SO.RCVTIMEO, 16], [SOL.SOCKET, SO.SNDTIMEO, 16], [SOL.SOCKET, SO.PRIORITY], [SOL.SOCKET, SO.RCVLOWAT],
  [SOL.SOCKET, SO.BUF_LOCK], [SOL.SOCKET, SO.ACCEPTCONN], [SOL.SOCKET, SO.TIMESTAMP], [SOL.SOCKET, SO.PEEK_OFF],
  [SOL.IP, IP.TOS], [SOL.IP, IP.TTL], [SOL.IP, IP.FREEBIND], [SOL.IP, IP.MTU_DISCOVER], [SOL.IP, IP.MULTICAST_TTL], [SOL.IPV6, IPV6.V6ONLY], [SOL.IPV6, IPV6.TCLASS],
] as const;
const TCP_OPTIONS = [[SOL.TCP, TCP.NODELAY], [SOL.TCP, TCP.KEEPCNT], [SOL.TCP, TCP.KEEPIDLE], [SOL.TCP, TCP.DEFER_ACCEPT], [SOL.TCP, TCP.USER_TIMEOUT], [SOL.TCP, TCP.CONGESTION, 16], [SOL.TCP, TCP.INFO, 1]] as const;

t.test('TCP and UDP sockets: addresses, states, options', async (t) => {
  const victim = subject(t);
  const stream = victim.call(SYS.socket, AF.INET, SOCK.STREAM, 0); // 0, listening
  const set = (fd: number, level: number, name: number, value: Uint8Array): void => void victim.call(SYS.setsockopt, fd, level, name, value, value.length);
  set(stream, SOL.SOCKET, SO.REUSEADDR, i32(1));
  set(stream, SOL.SOCKET, SO.SNDBUF, i32(30000));
  set(stream, SOL.SOCKET, SO.LINGER, i32(1, 7));
  set(stream, SOL.SOCKET, SO.RCVTIMEO, new Uint8Array(BigInt64Array.from([3n, 400_000n]).buffer));
  set(stream, SOL.TCP, TCP.NODELAY, i32(1));
  set(stream, SOL.TCP, TCP.DEFER_ACCEPT, i32(3));
  set(stream, SOL.TCP, TCP.USER_TIMEOUT, i32(12345));
  victim.call(SYS.bind, stream, v4(28801), 16);
  victim.call(SYS.listen, stream, 17);
  const bound = victim.call(SYS.socket, AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0); // 1, bound
  victim.call(SYS.bind, bound, v4(28802), 16);
  victim.call(SYS.socket, AF.INET, SOCK.STREAM | SOCK.CLOEXEC, IPPROTO.TCP); // 2, unbound
  const both = victim.call(SYS.socket, AF.INET6, SOCK.STREAM, 0); // 3: v6 only, listening on the same port as 0
  set(both, SOL.IPV6, IPV6.V6ONLY, i32(1));
  victim.call(SYS.bind, both, v6(28801, LOOPBACK6), 28);
  victim.call(SYS.listen, both, 5);
  const udp = victim.call(SYS.socket, AF.INET, SOCK.DGRAM, 0); // 4, bound
  victim.call(SYS.bind, udp, v4(28803), 16);
  set(udp, SOL.IP, IP.TOS, i32(8));
  set(udp, SOL.IP, IP.TTL, i32(33));
  set(udp, SOL.IP, IP.MULTICAST_TTL, i32(9));
  set(udp, SOL.SOCKET, SO.TIMESTAMP, i32(1));
  set(udp, SOL.SOCKET, SO.PRIORITY, i32(3));
  const connected = victim.call(SYS.socket, AF.INET, SOCK.DGRAM, 0); // 5, connected
  victim.call(SYS.connect, connected, v4(28803), 16);
  const lite = victim.call(SYS.socket, AF.INET6, SOCK.DGRAM, IPPROTO.UDPLITE); // 6
  victim.call(SYS.bind, lite, v6(28804, LOOPBACK6), 28);
  set(lite, SOL.IPV6, IPV6.TCLASS, i32(0x20));
  const [one, two] = [0, 1].map(() => {
    const fd = victim.call(SYS.socket, AF.INET, SOCK.STREAM, 0); // 7, 8: a reuseport group
    set(fd, SOL.SOCKET, SO.REUSEPORT, i32(1));
    victim.call(SYS.bind, fd, v4(28805), 16);
    victim.call(SYS.listen, fd, 1);
    return fd;
  });
  t.ok(one !== two);
  // Accepts what begins with an `A`, behind the UDP header: ldb [8]; jeq; ret.
  const filter = Uint8Array.from([0x30, 0, 0, 0, 8, 0, 0, 0, 0x15, 0, 0, 1, 0x41, 0, 0, 0, 6, 0, 0, 0, 0xff, 0xff, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
  victim.puppet.batch((batch) => {
    const program = batch.struct(16);
    program.view.setUint16(0, 4, true);
    program.view.setBigUint64(8, BigInt(batch.bytes(filter)), true);
    batch.call(SYS.setsockopt, udp, SOL.SOCKET, SO.ATTACH_FILTER, program.address, 16);
  });
  const seeAll = (task: Subject): unknown => Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7, 8].map((fd) => [fd, look(task, fd, [...COMMON, ...TCP_OPTIONS])]));
  const before = [comparable(victim.files()), seeAll(victim)];
  const dumped = dumpFiles([victim]);
  t.same([comparable(victim.files()), seeAll(victim)], before, 'the dump left no trace');
  t.match(
    dumped.images.read(IMAGE_TYPES.files).find(({ isk }) => isk?.srcPort === 28801 && isk.family === AF.INET)?.isk,
    { state: 10, backlog: 17, srcAddr: [0x0100007f], dstAddr: [0], opts: { soSndbuf: 60000, soBufLock: 1, soLinger: 7, soRcvTmoUsec: 400_000n }, tcpOpts: { nodelay: true, keepcnt: 9 }, ipOpts: { ttl: 64 } },
    'as CRIU has it',
  );
  victim.call(SYS.close_range, 0, 1000, 0);
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  t.same([comparable(restored.files()), seeAll(restored)], before, 'what /proc and the kernel say is the same');
  t.equal(restored.call(SYS.sendto, 5, 'Zebra', 5, 0, 0, 0), 5);
  t.equal(restored.call(SYS.sendto, 5, 'Adder', 5, 0, 0, 0), 5);
  t.equal(restored.read(4), 'Adder', 'the filter is on');
  const backlog = execFileSync('cat', ['/proc/net/tcp'], { encoding: 'latin1' }).split('\n').find((line) => line.includes('0100007F:7081 00000000:0000 0A'));
  t.ok(backlog, 'it listens');
});

t.test('sockets that can not be kept are refused by name', async (t) => {
  const victim = subject(t);
  victim.call(SYS.socket, AF.INET, SOCK.STREAM, 0); // 0
  victim.call(SYS.bind, 0, v4(28811), 16);
  victim.call(SYS.listen, 0, 4);
  victim.call(SYS.socket, AF.INET, SOCK.STREAM, 0); // 1
  victim.call(SYS.connect, 1, v4(28811), 16);
  victim.call(SYS.socket, AF.VSOCK, SOCK.STREAM, 0); // 2
  victim.call(SYS.socket, AF.INET, SOCK.DGRAM, 0); // 3
  victim.call(SYS.setsockopt, 3, SOL.UDP, 1, i32(1), 4);
  t.match(
    problemsOf([victim]).map(({ what }) => what),
    [/^1 connections to 127\.0\.0\.1:28811 were not accepted/, /^established TCP \(127\.0\.0\.1:\d+ → 127\.0\.0\.1:28811\)/, /^vsock sockets/, /^a corked UDP socket/],
  );
});

t.test('datagrams in a queue are told of', async (t) => {
  const victim = subject(t);
  victim.call(SYS.socket, AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, 0);
  victim.call(SYS.bind, 0, v4(28821), 16);
  victim.call(SYS.sendto, 0, 'x', 1, 0, v4(28821), 16);
  t.match(dumpFiles([victim]).events, [{ type: 'warning', text: /28821 are dropped/ }]);
});
