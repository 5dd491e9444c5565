import t from 'tap';
import { NETLINK, NLM_F, NLMSG } from '../abi/netlink.js';
import { inet_diag_req_v2, PDI, SOCK_DIAG } from '../abi/sock-diag.js';
import { AF, SOCK } from '../abi/socket.js';
import { IPPROTO } from '../abi/in.js';
import { TCP_STATE, tcp_info } from '../abi/tcp.js';
import * as captured from './captured.fixture.js';
import {
  attributeText,
  attributeU16,
  attributeU32,
  attributeU64,
  AttributeWriter,
  buildRequest,
  concatBytes,
  dump,
  dumpConsistent,
  DumpInterrupted,
  inetDiagRequest,
  isUnsupported,
  listAttributes,
  NetlinkError,
  NetlinkFormatError,
  netlinkDiagRequest,
  type NetlinkMessage,
  type NetlinkSocket,
  packetDiagRequest,
  parseAttributes,
  parseInetDiag,
  parseMessages,
  parseNetlinkDiag,
  parsePacketDiag,
  parseUnixDiag,
  stateMask,
  transact,
  unixDiagRequest,
} from './index.js';

const message = (type: number, payload: Uint8Array, { flags = 0, seq = 7 } = {}): Uint8Array => {
  const bytes = buildRequest({ type, payload, seq });
  new DataView(bytes.buffer).setUint16(6, flags, true);
  return bytes;
};
const i32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
const ofType = (bytes: Uint8Array, type: number): ReturnType<typeof parseMessages> => parseMessages(bytes).filter((one) => one.type === type);
const diag = (bytes: Uint8Array): ReturnType<typeof parseMessages> => ofType(bytes, SOCK_DIAG.DIAG_BY_FAMILY);

/** A socket that answers each request with the next list of datagrams, with the request's own seq. */
function fakeSocket(...answers: Uint8Array[][]): NetlinkSocket & { readonly sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  let pending: Uint8Array[] = [];
  return {
    sent,
    send(bytes) {
      sent.push(bytes);
      const seq = new DataView(bytes.buffer).getUint32(8, true);
      pending = (answers.shift() ?? []).map((datagram) => {
        const copy = datagram.slice();
        const view = new DataView(copy.buffer);
        for (let at = 0; at < copy.length; at += (view.getUint32(at, true) + 3) & ~3) if (view.getUint32(at + 8, true) === 7) view.setUint32(at + 8, seq, true);
        return copy;
      });
    },
    receive() {
      const datagram = pending.shift();
      if (datagram === undefined) throw new Error('receive would block for ever');
      return datagram;
    },
  };
}

t.test('messages and attributes: built, parsed', async (t) => {
  const payload = new AttributeWriter()
    .u8(1, 0xff)
    .u16(2, 0xbeef)
    .u32(3, 0xdeadbeef)
    .be32(4, 1)
    .u64(5, 0xfedcba9876543210n)
    .text(6, 'lo')
    .nest(7, (inner) => inner.u32(1, 42).text(1, 'twice'))
    .finish();
  const [parsed, ...rest] = parseMessages(buildRequest({ type: 16, flags: NLM_F.ACK, seq: 3, payload }));
  t.equal(rest.length, 0);
  t.match(parsed, { type: 16, flags: NLM_F.REQUEST | NLM_F.ACK, seq: 3, portId: 0 });
  const attributes = parseAttributes(parsed?.payload as Uint8Array);
  const get = (type: number): Uint8Array => attributes.get(type) as Uint8Array;
  t.equal(get(1).length, 1, 'padding is no part of the value');
  t.equal(attributeU16(get(2)), 0xbeef);
  t.equal(attributeU32(get(3)), 0xdeadbeef);
  t.same([...get(4)], [0, 0, 0, 1]);
  t.equal(attributeU64(get(5)), 0xfedcba9876543210n);
  t.equal(attributeText(get(6)), 'lo');
  const inner = listAttributes(get(7));
  t.same(inner.map(([type]) => type), [1, 1]);
  t.equal(attributeText(inner[1]?.[1] as Uint8Array), 'twice');
  t.throws(() => new AttributeWriter().bytes(1, new Uint8Array(65532)), RangeError);
});

t.test('malformed bytes', async (t) => {
  const good = message(20, new Uint8Array(8));
  const longer = good.slice();
  longer[0] = 25;
  const shorter = good.slice();
  shorter[0] = 15;
  const messages: [string, Uint8Array][] = [
    ['half a header', good.subarray(0, 10)],
    ['a length beyond the datagram', longer],
    ['a length below a header', shorter],
    ['garbage behind', concatBytes([good, Uint8Array.of(1)])],
  ];
  for (const [name, bytes] of messages) t.throws(() => parseMessages(bytes), NetlinkFormatError, name);
  const attributes: [string, number[]][] = [
    ['half a header', [8, 0, 1]],
    ['a length beyond the end', [9, 0, 1, 0, 1, 2, 3, 4]],
    ['a length of 0', [0, 0, 1, 0]],
  ];
  for (const [name, bytes] of attributes) t.throws(() => parseAttributes(Uint8Array.from(bytes)), NetlinkFormatError, name);
  t.throws(() => attributeU32(new Uint8Array(3)), NetlinkFormatError);
  const cut = { type: SOCK_DIAG.DIAG_BY_FAMILY, flags: 0, seq: 0, portId: 0, payload: new Uint8Array(15) };
  for (const parse of [parseInetDiag, parseUnixDiag, parseNetlinkDiag, parsePacketDiag]) {
    t.throws(() => parse(cut), NetlinkFormatError, `${parse.name}: cut`);
    t.throws(() => parse({ ...cut, payload: new Uint8Array(80) }), /address family 0/, `${parse.name}: another family`);
    t.throws(() => parse({ ...cut, type: NLMSG.DONE, payload: new Uint8Array(80) }), NetlinkFormatError, `${parse.name}: another type`);
  }
});

t.test('dump and transact', async (t) => {
  const request = inetDiagRequest({ family: AF.INET, protocol: IPPROTO.TCP });
  const socket = fakeSocket([captured.tcp4]);
  t.equal(dump(socket, request).length, 3);
  t.equal(new DataView((socket.sent[0] as Uint8Array).buffer).getUint16(6, true), NLM_F.REQUEST | NLM_F.DUMP);

  const entry = message(20, new Uint8Array(4));
  const done = message(NLMSG.DONE, i32(0));
  const other = message(20, new Uint8Array(4), { seq: 0 });
  t.equal(dump(fakeSocket([concatBytes([entry, entry]), other, entry, done]), request).length, 3, 'several datagrams; a notification between them');
  t.throws(() => dump(fakeSocket([captured.badfamily]), request), { code: 'EINVAL', errno: 22 });

  const unsupported = ((): unknown => {
    try {
      return dump(fakeSocket([captured.raw4]), request);
    } catch (error) {
      return error;
    }
  })();
  t.ok(unsupported instanceof NetlinkError && isUnsupported(unsupported), 'no raw_diag: the closing message tells');

  const interrupted = message(20, new Uint8Array(4), { flags: NLM_F.DUMP_INTR });
  t.throws(() => dump(fakeSocket([interrupted, done]), request), DumpInterrupted);
  t.equal(dumpConsistent(fakeSocket([interrupted, done], [entry, done]), request).length, 1, 'asked again');
  t.throws(() => dumpConsistent(fakeSocket([interrupted, done], [interrupted, done]), request, 2), DumpInterrupted);

  const acknowledged = message(NLMSG.ERROR, concatBytes([i32(0), new Uint8Array(16)]));
  t.equal(transact(fakeSocket([concatBytes([entry, acknowledged])]), { type: 16, payload: new Uint8Array(0) }).length, 1);
  const refusal = concatBytes([i32(-1), message(16, new Uint8Array(0)), new AttributeWriter().text(1, 'not you').finish()]);
  const explained = message(NLMSG.ERROR, refusal, { flags: NLM_F.CAPPED | NLM_F.ACK_TLVS });
  t.throws(() => transact(fakeSocket([explained]), { type: 16, payload: new Uint8Array(0) }), { code: 'EPERM', explanation: 'not you' });
});

t.test('inet_diag requests', async (t) => {
  const { type, payload } = inetDiagRequest({ family: AF.INET6, protocol: IPPROTO.TCP, states: stateMask('LISTEN', 'CLOSE'), extensions: [8, 2] });
  t.equal(type, SOCK_DIAG.DIAG_BY_FAMILY);
  t.match(inet_diag_req_v2.decode(payload), { sdiag_family: 10, sdiag_protocol: 6, idiag_ext: 0x82, idiag_states: 0x480, id: { idiag_cookie: [0xffffffff, 0xffffffff] } });
  t.match(inet_diag_req_v2.decode(inetDiagRequest({ family: AF.INET, protocol: IPPROTO.RAW, rawProtocol: 89 }).payload), { sdiag_protocol: 255, pad: 89, idiag_states: 0xffffffff, idiag_ext: 0xff });
  const mptcp = inetDiagRequest({ family: AF.INET, protocol: IPPROTO.MPTCP }).payload;
  t.equal(attributeU32(parseAttributes(mptcp.subarray(inet_diag_req_v2.size)).get(3) as Uint8Array), 262);
});

t.test('TCP over IPv4', async (t) => {
  const [listener, server, client, ...rest] = diag(captured.tcp4).map(parseInetDiag);
  t.equal(rest.length, 0);
  const local = Uint8Array.of(127, 0, 0, 1);
  t.match(listener, { state: TCP_STATE.LISTEN, source: { port: 8080, address: local }, receiveQueue: 0, sendQueue: 7, uid: 0, inode: 0x3cb68, shutdown: 0, mark: 0, congestion: 'bbr', v6only: undefined });
  t.match(server, { state: TCP_STATE.FIN_WAIT2, source: { port: 8080 }, destination: { port: 0x8c22, address: local }, receiveQueue: 5, inode: 0x3cb6a, shutdown: 2, mark: 0x1234, memory: { receiveAllocated: 0x345, drops: 0 } });
  t.match(client, { state: TCP_STATE.CLOSE_WAIT, source: { port: 0x8c22 }, destination: { port: 8080 }, receiveQueue: 1, inode: 0x3cb69, shutdown: 1, cookie: 0x437n });
  for (const socket of [listener, server, client]) t.same([...(socket?.unknown.keys() ?? [])], []);
  t.match(server?.options, { recverr: false, isIcsk: true, mcLoop: true, mcAll: true, bindAddressNoPort: false });
  const info = tcp_info.decode(client?.tcpInfo as Uint8Array);
  t.match(info, { tcpi_state: TCP_STATE.CLOSE_WAIT, tcpi_snd_mss: 0x8000, tcpi_bytes_acked: 6n });
});

t.test('the other inet sockets', async (t) => {
  t.match(diag(captured.tcp6).map(parseInetDiag), [{ family: AF.INET6, state: TCP_STATE.LISTEN, source: { port: 9090, address: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) }, sendQueue: 3, v6only: true, trafficClass: 0 }]);
  t.match(diag(captured.udp4).map(parseInetDiag), [{ state: TCP_STATE.ESTABLISHED, source: { port: 53 }, destination: { port: 5353, address: Uint8Array.of(127, 0, 0, 2) }, tcpInfo: undefined, congestion: undefined }]);
  t.match(diag(captured.udplite6).map(parseInetDiag), [{ state: TCP_STATE.CLOSE, source: { port: 77, address: new Uint8Array(16) }, destination: { port: 0 }, v6only: false }]);
  const [first] = diag(captured.udp4);
  const more = concatBytes([first?.payload as Uint8Array, new AttributeWriter().u32(99, 5).finish()]);
  t.same([...parseInetDiag({ ...(first as NetlinkMessage), payload: more }).unknown], [[99, Uint8Array.of(5, 0, 0, 0)]], 'an unknown attribute surfaces');
});

t.test('unix', async (t) => {
  const sockets = diag(captured.unix).map(parseUnixDiag);
  const [sender, reader, listener, client, abstract] = sockets;
  t.equal(sockets.length, 5);
  t.match(sender, { type: SOCK.DGRAM, state: TCP_STATE.ESTABLISHED, inode: 0x3cb78, peer: 0x3cb79, name: undefined, file: undefined, receiveQueue: 0, sendQueue: 768 });
  t.match(reader, { inode: 0x3cb79, peer: 0x3cb78, receiveQueue: 3, shutdown: 1 });
  t.match(listener, { type: SOCK.STREAM, state: TCP_STATE.LISTEN, inode: 0x3cb76, peer: undefined, pending: [0x3cb77], receiveQueue: 1, sendQueue: 2, file: { inode: 0x21a96c, device: 0xfe00000 } });
  t.equal(Buffer.from(listener?.name ?? []).toString(), '/tmp/x/sock.x\0');
  t.match(client, { inode: 0x3cb77, peer: 0 }, 'not accepted yet');
  t.match(abstract, { type: SOCK.SEQPACKET, state: TCP_STATE.CLOSE, uid: 0, memory: { receiveBuffer: 212992 } });
  t.equal(Buffer.from(abstract?.name ?? []).toString(), '\0abs');
  for (const socket of sockets) t.same([...socket.unknown], []);
  t.equal(unixDiagRequest().payload.length, 24);
});

t.test('netlink', async (t) => {
  const sockets = diag(captured.netlink).map(parseNetlinkDiag);
  t.match(sockets, [
    { type: SOCK.RAW, protocol: NETLINK.ROUTE, portId: 0x5e7e, inode: 0x3cb7c, groups: [1, 5], flags: 0, state: TCP_STATE.CLOSE },
    { type: SOCK.DGRAM, portId: 0, groups: [] },
    { inode: 0x3cb7c, groups: [1, 5] },
  ]);
  t.equal(sockets[0]?.cookie, sockets[2]?.cookie, 'the same socket twice');
  for (const socket of sockets) t.same([...socket.unknown], []);
  t.equal(netlinkDiagRequest().payload[1], 0xff);
});

t.test('packet', async (t) => {
  t.match(diag(captured.packet).map(parsePacketDiag), [{ type: SOCK.RAW, protocol: 3, inode: 0x3cb7e, info: { interfaceIndex: 0, flags: PDI.RUNNING }, uid: 0, fanout: undefined, others: new Map() }]);
  t.equal(packetDiagRequest().payload.length, 20);
});
