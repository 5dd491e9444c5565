// Talking over a netlink socket that somebody else made: this package's sys, or a test.
import { NLM_F, NLMSG } from '../abi/netlink.js';
import { NetlinkFormatError } from './errors.js';
import { buildRequest, type NetlinkMessage, parseMessages, parseVerdict } from './message.js';

export interface NetlinkSocket {
  /** Sends one datagram to the kernel. */
  send(bytes: Uint8Array): void;
  /** The next datagram, whole; blocks. The bytes must stay as they are: a copy, or a new buffer each time. */
  receive(): Uint8Array;
}

export interface NetlinkRequest {
  readonly type: number;
  readonly flags?: number;
  readonly payload: Uint8Array;
}

/** What the kernel listed changed while it was listing (NLM_F_DUMP_INTR): the answer may lack entries. */
export class DumpInterrupted extends Error {
  constructor() {
    super('netlink: the list changed while it was read');
    this.name = 'DumpInterrupted';
  }
}

let lastSeq = 0;
const nextSeq = (): number => (lastSeq = (lastSeq + 1) >>> 0 || 1);

/**
 * Asks for a list and returns all of its messages. @throws NetlinkError when the kernel refuses,
 * DumpInterrupted when the list is not consistent (ask again), NetlinkFormatError
 */
export function dump(socket: NetlinkSocket, request: NetlinkRequest): NetlinkMessage[] {
  const seq = nextSeq();
  socket.send(buildRequest({ ...request, flags: NLM_F.DUMP | (request.flags ?? 0), seq }));
  const answer: NetlinkMessage[] = [];
  let interrupted = false;
  for (;;) {
    for (const message of ownMessages(socket, seq)) {
      interrupted ||= (message.flags & NLM_F.DUMP_INTR) !== 0;
      if (message.type === NLMSG.ERROR || message.type === NLMSG.DONE) {
        const error = parseVerdict(message);
        if (error !== undefined) throw error;
        if (interrupted) throw new DumpInterrupted();
        return answer;
      }
      answer.push(message);
    }
  }
}

/** `dump`, again and again while the list changes under our hands. @throws DumpInterrupted at last; else as dump */
export function dumpConsistent(socket: NetlinkSocket, request: NetlinkRequest, attempts = 10): NetlinkMessage[] {
  for (let attempt = 1; ; attempt++) {
    try {
      return dump(socket, request);
    } catch (error) {
      if (!(error instanceof DumpInterrupted) || attempt >= attempts) throw error;
    }
  }
}

/** Asks for something to be done and waits for the acknowledgement; returns what came before it. @throws NetlinkError */
export function transact(socket: NetlinkSocket, request: NetlinkRequest): NetlinkMessage[] {
  const seq = nextSeq();
  socket.send(buildRequest({ ...request, flags: NLM_F.ACK | (request.flags ?? 0), seq }));
  const answer: NetlinkMessage[] = [];
  for (;;) {
    for (const message of ownMessages(socket, seq)) {
      if (message.type === NLMSG.ERROR) {
        const error = parseVerdict(message);
        if (error !== undefined) throw error;
        return answer;
      }
      answer.push(message);
    }
  }
}

/** The next datagram's messages that answer request `seq`: notifications (0) and the rest of given-up requests fall away. */
function ownMessages(socket: NetlinkSocket, seq: number): NetlinkMessage[] {
  const datagram = socket.receive();
  if (datagram.length === 0) throw new NetlinkFormatError('an empty datagram');
  return parseMessages(datagram).filter((message) => message.seq === seq && message.type !== NLMSG.NOOP);
}
