// packet(7); what sock_diag tells: net/packet/diag.c
import { fd_types, type packet_mclist, type packet_ring, type packet_sock_entry } from '@criu-ts/images';
import { AF, F, PACKET_DIAG, PDI, SOCK, sockaddr_ll, SOL, SYS } from '@criu-ts/kernel/abi';
import { dumpConsistent, packetDiagRequest, type PacketSocket, parsePacketDiag } from '@criu-ts/kernel/netlink';
import { fcntl, Memory, OwnedFd, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import { setSignal } from '../../files/fown.js';
import { freshOptions, readMoreOptions, writeMoreOptions } from '../../files/inet-options.js';
import { part } from '../../files/message-part.js';
import { DiagSocket, setOption, socket, tryOption } from '../../files/socket-calls.js';
import { readSocketOptions, writeSocketOptions } from '../../files/socket-options.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileDumpContext, FileKind } from '../file-kind.js';

const NET_NAMESPACE = 2;
/** linux/if_packet.h */
const PACKET = {
  ADD_MEMBERSHIP: 1, RX_RING: 5, COPY_THRESH: 7, AUXDATA: 8, ORIGDEV: 9, VERSION: 10, RESERVE: 12, TX_RING: 13, LOSS: 14, VNET_HDR: 15, TIMESTAMP: 17, FANOUT: 18,
} as const;
const TPACKET_V3 = 2;
const NO_FANOUT = 0xffff_ffff;
/** struct packet_diag_mclist (linux/packet_diag.h): index, count (u32), type, length (u16), 32 bytes of address */
const MCLIST_SIZE = 44;
const SIOCGIFNAME = 0x8910;
const memory = new Memory(64);

export const packetSocket: FileKind<packet_sock_entry> = {
  name: 'packet-socket',
  type: fd_types.PACKETSK,
  recognises: ({ family }) => family === AF.PACKET,

  judge(file, at) {
    const known = socketsOf(at).get(Number(BigInt.asUintN(32, file.stat.ino)));
    if (known?.info === undefined) throw new Unsupported('file', 'a packet socket of another network namespace is not supported yet', { hint: 'run the dump in the network namespace in which the process made it' });
    const { type, protocol, info, others } = known;
    using fd = file.open();
    const fanout = known.fanout === undefined ? undefined : numberOf(tryOption(fd, SOL.PACKET, PACKET.FANOUT, 4));
    const rings = { rxRing: ringOf(others.get(PACKET_DIAG.RX_RING)), txRing: ringOf(others.get(PACKET_DIAG.TX_RING)) };
    const on = (flag: number): boolean => (info.flags & flag) !== 0;
    return {
      id: at.id,
      type,
      protocol,
      flags: file.flags,
      ifindex: info.interfaceIndex,
      fown: file.fown,
      opts: readSocketOptions(fd),
      version: info.version,
      reserve: info.reserve,
      auxData: on(PDI.AUXDATA),
      origDev: on(PDI.ORIGDEV),
      vnetHdr: on(PDI.VNETHDR),
      loss: on(PDI.LOSS),
      timestamp: info.timestamp,
      copyThresh: info.copyThreshold,
      mclist: membershipsOf(others.get(PACKET_DIAG.MCLIST)),
      fanout: fanout ?? NO_FANOUT,
      ...(rings.rxRing && { rxRing: rings.rxRing }),
      ...(rings.txRing && { txRing: rings.txRing }),
      nsId: NET_NAMESPACE,
      moreOptions: readMoreOptions(fd, at.shared(`fresh:${AF.PACKET}:${type}`, () => freshOptions({ family: AF.PACKET, type, protocol: 0 }))),
    };
  },

  capture: (_, __, psk) => ({ psk }),

  reopen(entry) {
    const psk = part(entry, 'psk');
    // With a protocol it would take packets at once; the old SOCK_PACKET gets its protocol only here.
    const old = psk.type === SOCK.PACKET;
    const fd = socket(AF.PACKET, psk.type, old ? networkOrder(psk.protocol) : 0);
    try {
      setAll(fd, psk);
      if (old) bindByName(fd, psk);
      else if (psk.protocol !== 0 || psk.ifindex !== 0) bind(fd, psk);
      for (const membership of psk.mclist) join(fd, membership);
      if ((psk.fanout ?? NO_FANOUT) !== NO_FANOUT) setOption(fd, SOL.PACKET, PACKET.FANOUT, psk.fanout ?? 0);
      setFlags(fd, psk.flags);
      setSignal(fd, psk.fown);
      return fd;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  },

  // Its rings: they belong to the socket itself, so the very same one is mapped.
  openForMapping: (entry, _, at) => duplicate(at.held(entry.id)),
  fown: ({ psk }) => psk?.fown,
};

function socketsOf(at: FileDumpContext): ReadonlyMap<number, PacketSocket> {
  return at.shared('sock_diag:packet', () => {
    using diag = new DiagSocket();
    return new Map(dumpConsistent(diag, packetDiagRequest()).map(parsePacketDiag).map((known) => [known.inode, known]));
  });
}

function ringOf(bytes: Uint8Array | undefined): packet_ring | undefined {
  if (bytes === undefined || bytes.length < 28) return undefined;
  const [blockSize = 0, blockNr = 0, frameSize = 0, frameNr = 0, retireTmo = 0, sizeofPriv = 0, features = 0] = new Uint32Array(bytes.slice().buffer);
  return { blockSize, blockNr, frameSize, frameNr, retireTmo, sizeofPriv, features };
}

function membershipsOf(bytes: Uint8Array = new Uint8Array(0)): packet_mclist[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / MCLIST_SIZE) }, (_, i) => {
    const at = i * MCLIST_SIZE;
    return { index: view.getUint32(at, true), type: view.getUint16(at + 8, true), addr: bytes.slice(at + 12, at + 12 + view.getUint16(at + 10, true)) };
  });
}

/** The version and the space before each packet first: rings are laid out by them. */
function setAll(fd: OwnedFd, psk: packet_sock_entry): void {
  const { version, reserve, copyThresh, timestamp, rxRing, txRing } = psk;
  const set = (name: number, value: number | boolean): void => setOption(fd, SOL.PACKET, name, Number(value));
  if (psk.type !== SOCK.PACKET) {
    set(PACKET.VERSION, version);
    set(PACKET.RESERVE, reserve);
  }
  if (psk.auxData) set(PACKET.AUXDATA, 1);
  if (psk.origDev) set(PACKET.ORIGDEV, 1);
  if (psk.vnetHdr) set(PACKET.VNET_HDR, 1);
  if (psk.loss) set(PACKET.LOSS, 1);
  if (copyThresh !== 0) set(PACKET.COPY_THRESH, copyThresh);
  if (timestamp !== 0) set(PACKET.TIMESTAMP, timestamp);
  writeSocketOptions(fd, psk.opts);
  writeMoreOptions(fd, psk.moreOptions);
  if (rxRing !== undefined) setOption(fd, SOL.PACKET, PACKET.RX_RING, request(rxRing, version));
  if (txRing !== undefined) setOption(fd, SOL.PACKET, PACKET.TX_RING, request(txRing, version));
}

/** struct tpacket_req, tpacket_req3 */
function request({ blockSize, blockNr, frameSize, frameNr, retireTmo, sizeofPriv, features }: packet_ring, version: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(blockSize, blockNr, frameSize, frameNr, ...(version === TPACKET_V3 ? [retireTmo, sizeofPriv, features] : [])).buffer);
}

/** struct packet_mreq: int index; u16 type, length; 8 bytes, or more, of address */
function join(fd: OwnedFd, { index, type, addr }: packet_mclist): void {
  const bytes = new Uint8Array(8 + Math.max(8, addr.length));
  const view = new DataView(bytes.buffer);
  view.setInt32(0, index, true);
  view.setUint16(4, type, true);
  view.setUint16(6, addr.length, true);
  bytes.set(addr, 8);
  setOption(fd, SOL.PACKET, PACKET.ADD_MEMBERSHIP, bytes);
}

function bind(fd: OwnedFd, { protocol, ifindex }: packet_sock_entry): void {
  sockaddr_ll.write(memory.view, 0, { sll_family: AF.PACKET, sll_protocol: protocol, sll_ifindex: ifindex, sll_hatype: 0, sll_pkttype: 0, sll_halen: 0, sll_addr: new Uint8Array(8) });
  const result = rawSyscall(SYS.bind, fd.number, memory.address, sockaddr_ll.size);
  if (result < 0) throw new SyscallFailed(`bind(packets of protocol 0x${protocol.toString(16)} on interface ${ifindex})`, -result);
}

/** struct sockaddr of old: family, 14 bytes of the interface's name. */
function bindByName(fd: OwnedFd, { ifindex }: packet_sock_entry): void {
  if (ifindex === 0) return;
  memory.bytes.fill(0);
  // struct ifreq: the number goes where the name's 16 bytes end
  memory.view.setInt32(16, ifindex, true);
  sys(SYS.ioctl, fd.number, SIOCGIFNAME, memory.address);
  const name = memory.bytes.slice(0, 13);
  memory.bytes.fill(0);
  memory.view.setUint16(0, AF.PACKET, true);
  memory.bytes.set(name, 2);
  sys(SYS.bind, fd.number, memory.address, 16);
}

const networkOrder = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

function numberOf(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) : undefined;
}

const duplicate = (fd: OwnedFd): OwnedFd => new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));
