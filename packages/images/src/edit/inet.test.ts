import t, { type Test } from 'tap';
import { fd_types } from '../gen/index.js';
import type { file_entry, inet_sk_entry } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { MemoryDirectory } from '../io/directory.js';
import { readAddress } from '../json/ip-address.js';
import { edited } from '../testing/edited.js';
import { fown, tinySet } from '../testing/tiny-set.js';
import type { Edit } from './edits.js';
import { endText } from './inet.js';

const LISTEN = 10;
const ESTABLISHED = 1;
const CLOSE = 7;
const opts = { soSndbuf: 0, soRcvbuf: 0, soSndTmoSec: 0n, soSndTmoUsec: 0n, soRcvTmoSec: 0n, soRcvTmoUsec: 0n, soFilter: [] };

interface Socket {
  readonly at: string;
  readonly to?: string;
  readonly state?: number;
  readonly udp?: boolean;
  readonly raw?: boolean;
  readonly reuseaddr?: boolean;
  readonly reuseport?: boolean;
  readonly v6only?: boolean;
  readonly netns?: number;
  readonly device?: string;
}

function end(text: string): { address: number[]; port: number } {
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(text)!;
  return { address: readAddress(address!)!, port: Number(port) };
}

function fileOf(socket: Socket, i: number): file_entry {
  const local = end(socket.at);
  const remote = socket.to === undefined ? { address: local.address.map(() => 0), port: 0 } : end(socket.to);
  const isk: inet_sk_entry = {
    id: 10 + i,
    ino: 100 + i,
    family: local.address.length === 4 ? 10 : 2,
    type: socket.raw ? 3 : socket.udp ? 2 : 1,
    proto: socket.raw ? 17 : socket.udp ? 17 : 6,
    state: socket.state ?? (socket.udp ? CLOSE : LISTEN),
    srcPort: local.port,
    dstPort: remote.port,
    flags: 2,
    backlog: 5,
    srcAddr: local.address,
    dstAddr: remote.address,
    fown,
    opts: { ...opts, ...(socket.reuseaddr && { reuseaddr: true }), ...(socket.reuseport && { soReuseport: true }), ...(socket.device && { soBoundDev: socket.device }) },
    ...(socket.v6only && { v6Only: true }),
    ...(socket.netns && { nsId: socket.netns }),
    moreOptions: [],
    multicast: [],
  };
  return { type: fd_types.INETSK, id: 10 + i, isk };
}

const withSockets = (sockets: readonly Socket[]): MemoryDirectory => {
  const directory = tinySet([{ pid: 10, fds: sockets.map((_, i) => ({ fd: i, id: 10 + i, type: fd_types.INETSK })) }], sockets.map(fileOf));
  const set = new ImageSet(directory);
  // Connections have an image of their own.
  sockets.forEach(({ state, udp }, i) => {
    if (state === ESTABLISHED && !udp) set.write(IMAGE_TYPES.tcpStream, 100 + i, [{ message: { inqLen: 0, inqSeq: 0, outqLen: 0, outqSeq: 0, optMask: 0, sndWscale: 0, mssClamp: 0 }, payload: { inq: new Uint8Array(0), outq: new Uint8Array(0) } }]);
  });
  return directory;
};

async function ends(t: Test, sockets: readonly Socket[], edits: readonly Edit[]): Promise<{ ends: string[]; notes: readonly string[]; changes: number[] }> {
  const { set, report } = await edited(t, withSockets(sockets), edits);
  return { ends: set.read(IMAGE_TYPES.files).flatMap(({ isk }) => (isk ? [endText({ address: isk.srcAddr, port: isk.srcPort })] : [])), notes: report.notes, changes: report.edits.map(({ changes }) => changes) };
}

const port = (from: number, to: number, more: { connections?: 'keep' } = {}): Edit => ({ edit: 'port', from, to, ...more });
const bind = (from: string, to: string): Edit => ({ edit: 'bind', from, to });

const changes: { name: string; sockets: Socket[]; edits: Edit[]; ends: string[] }[] = [
  { name: 'a listener', sockets: [{ at: '127.0.0.1:80' }], edits: [port(80, 8080)], ends: ['127.0.0.1:8080'] },
  { name: 'both families, TCP and UDP, bound and listening', sockets: [{ at: '[::1]:80' }, { at: '0.0.0.0:80', udp: true }, { at: '10.0.0.1:80', state: CLOSE }, { at: '127.0.0.1:81' }], edits: [port(80, 8080)], ends: ['[::1]:8080', '0.0.0.0:8080', '10.0.0.1:8080', '127.0.0.1:81'] },
  { name: 'two that change places', sockets: [{ at: '127.0.0.1:80' }, { at: '127.0.0.1:81' }], edits: [port(80, 81), port(81, 80)], ends: ['127.0.0.1:81', '127.0.0.1:80'] },
  { name: 'an address', sockets: [{ at: '127.0.0.1:80' }, { at: '[::1]:80' }], edits: [bind('127.0.0.1', '0.0.0.0')], ends: ['0.0.0.0:80', '[::1]:80'] },
  { name: 'an IPv6 address, however it is written', sockets: [{ at: '[::1]:80' }], edits: [bind('0:0:0:0:0:0:0:1', '::')], ends: ['[::]:80'] },
  { name: 'port and address of the same socket', sockets: [{ at: '127.0.0.1:80' }], edits: [port(80, 81), bind('127.0.0.1', '10.1.2.3')], ends: ['10.1.2.3:81'] },
  { name: 'a raw socket’s protocol is no port', sockets: [{ at: '0.0.0.0:17', raw: true, state: CLOSE }, { at: '0.0.0.0:17', udp: true }], edits: [port(17, 18)], ends: ['0.0.0.0:17', '0.0.0.0:18'] },
  { name: 'the same port for others: TCP beside UDP', sockets: [{ at: '127.0.0.1:80' }, { at: '127.0.0.1:81', udp: true }], edits: [port(80, 81)], ends: ['127.0.0.1:81', '127.0.0.1:81'] },
  { name: '… another address', sockets: [{ at: '127.0.0.1:80' }, { at: '10.0.0.1:81' }], edits: [port(80, 81)], ends: ['127.0.0.1:81', '10.0.0.1:81'] },
  { name: '… another network namespace', sockets: [{ at: '127.0.0.1:80', netns: 7 }, { at: '127.0.0.1:81', netns: 8 }], edits: [port(80, 81)], ends: ['127.0.0.1:81', '127.0.0.1:81'] },
  { name: '… another device', sockets: [{ at: '0.0.0.0:80', device: 'a' }, { at: '0.0.0.0:81', device: 'b' }], edits: [port(80, 81)], ends: ['0.0.0.0:81', '0.0.0.0:81'] },
  { name: '… SO_REUSEPORT', sockets: [{ at: '127.0.0.1:80', reuseport: true }, { at: '127.0.0.1:81', reuseport: true }], edits: [port(80, 81)], ends: ['127.0.0.1:81', '127.0.0.1:81'] },
  { name: '… SO_REUSEADDR where none listens', sockets: [{ at: '127.0.0.1:80', reuseaddr: true, udp: true }, { at: '127.0.0.1:81', reuseaddr: true, udp: true }], edits: [port(80, 81)], ends: ['127.0.0.1:81', '127.0.0.1:81'] },
  { name: '… IPV6_V6ONLY', sockets: [{ at: '0.0.0.0:80' }, { at: '[::]:81', v6only: true }], edits: [port(80, 81)], ends: ['0.0.0.0:81', '[::]:81'] },
  { name: 'two that collided before may do so again', sockets: [{ at: '127.0.0.1:80' }, { at: '127.0.0.1:80' }], edits: [port(80, 81)], ends: ['127.0.0.1:81', '127.0.0.1:81'] },
];
for (const { name, sockets, edits, ends: expected } of changes) t.test(name, async (t) => t.same((await ends(t, sockets, edits)).ends, expected));

const refusals: { name: string; sockets: Socket[]; edits: Edit[]; code: string; message: RegExp }[] = [
  { name: 'nothing has the port', sockets: [{ at: '127.0.0.1:80' }], edits: [port(81, 82)], code: 'edit-unmatched', message: /^port 81: / },
  { name: 'an address that nothing has', sockets: [{ at: '127.0.0.1:80' }], edits: [bind('127.0.0.2', '0.0.0.0')], code: 'edit-unmatched', message: /^bind 127.0.0.2/ },
  { name: 'the port is taken', sockets: [{ at: '127.0.0.1:80' }, { at: '127.0.0.1:81' }], edits: [port(80, 81)], code: 'edit-conflict', message: /tcp 127.0.0.1:81/ },
  { name: 'taken by who has all addresses', sockets: [{ at: '127.0.0.1:80' }, { at: '0.0.0.0:81' }], edits: [port(80, 81)], code: 'edit-conflict', message: /0.0.0.0:81/ },
  { name: 'taken by :: for IPv4', sockets: [{ at: '127.0.0.1:80' }, { at: '[::]:81' }], edits: [port(80, 81)], code: 'edit-conflict', message: /\[::\]:81/ },
  { name: 'taken by a mapped address', sockets: [{ at: '127.0.0.1:80' }, { at: '[::ffff:7f00:1]:81' }], edits: [port(80, 81)], code: 'edit-conflict', message: /7f00:1/ },
  { name: 'only one shares', sockets: [{ at: '127.0.0.1:80', reuseport: true }, { at: '127.0.0.1:81' }], edits: [port(80, 81)], code: 'edit-conflict', message: /don’t share/ },
  { name: 'SO_REUSEADDR of listeners', sockets: [{ at: '127.0.0.1:80', reuseaddr: true }, { at: '127.0.0.1:81', reuseaddr: true }], edits: [port(80, 81)], code: 'edit-conflict', message: /don’t share/ },
  { name: 'a connection', sockets: [{ at: '127.0.0.1:80' }, { at: '127.0.0.1:80', to: '127.0.0.1:5555', state: ESTABLISHED }], edits: [port(80, 81)], code: 'edit-refused', message: /connected to 127.0.0.1:5555/ },
  { name: 'a connected UDP socket', sockets: [{ at: '127.0.0.1:80', to: '127.0.0.1:53', udp: true, state: ESTABLISHED }], edits: [bind('127.0.0.1', '0.0.0.0')], code: 'edit-refused', message: /connected to 127.0.0.1:53/ },
  { name: 'a port twice', sockets: [{ at: '127.0.0.1:80' }], edits: [port(80, 81), port(80, 82)], code: 'edit-conflict', message: /two edits/ },
  { name: 'an address twice, differently written', sockets: [{ at: '[::1]:80' }], edits: [bind('::1', '::'), bind('0::1', '::2')], code: 'edit-conflict', message: /two edits/ },
  { name: 'another family', sockets: [{ at: '127.0.0.1:80' }], edits: [bind('127.0.0.1', '::')], code: 'edit-refused', message: /another family/ },
  { name: 'a link-local address', sockets: [{ at: '[::]:80' }], edits: [bind('::', 'fe80::1')], code: 'edit-refused', message: /interface/ },
  { name: 'port 0', sockets: [{ at: '127.0.0.1:80' }], edits: [port(80, 0)], code: 'edit-refused', message: /from 1 to 65535/ },
  { name: 'port 65536', sockets: [{ at: '127.0.0.1:80' }], edits: [port(80, 65_536)], code: 'edit-refused', message: /from 1 to 65535/ },
  { name: 'no address', sockets: [{ at: '127.0.0.1:80' }], edits: [bind('localhost', '::')], code: 'edit-refused', message: /no IPv4 or IPv6/ },
  { name: 'the same port', sockets: [{ at: '127.0.0.1:80' }], edits: [port(80, 80)], code: 'edit-refused', message: /stay/ },
];
for (const { name, sockets, edits, code, message } of refusals) t.test(`refused: ${name}`, async (t) => t.rejects(ends(t, sockets, edits), { code, message }));

t.test('connections keep theirs where that is said', async (t) => {
  const result = await ends(t, [{ at: '127.0.0.1:80' }, { at: '127.0.0.1:80', to: '127.0.0.1:5555', state: ESTABLISHED }], [port(80, 81, { connections: 'keep' })]);
  t.same(result.ends, ['127.0.0.1:81', '127.0.0.1:80']);
  t.match(result.notes, [/tcp 127.0.0.1:80 stays as it is/]);
  t.same(result.changes, [1]);
});

t.test('connections that were dumped to be closed are no obstacle', async (t) => {
  const source = withSockets([{ at: '127.0.0.1:80' }, { at: '127.0.0.1:80', to: '127.0.0.1:5555', state: ESTABLISHED }]);
  new ImageSet(source).write(IMAGE_TYPES.inventory, undefined, [{ imgVersion: 2, tcpClose: true }]);
  const { report } = await edited(t, source, [port(80, 81)]);
  t.equal(report.edits[0]!.changes, 1);
});
