// Netlink messages as bytes (netlink(7), linux/netlink.h).
import { NLM_F, nlmsghdr, NLMSG, NLMSGERR_ATTR } from '../abi/netlink.js';
import { align, attributeText, parseAttributes } from './attributes.js';
import { NetlinkError, NetlinkFormatError } from './errors.js';

export interface NetlinkMessage {
  /** NLMSG.* or a type of the protocol. */
  readonly type: number;
  /** NLM_F.* */
  readonly flags: number;
  readonly seq: number;
  /** Port id of the sender; 0: the kernel. */
  readonly portId: number;
  /** Without the header and without padding. */
  readonly payload: Uint8Array;
}

/** One message, padded. NLM_F.REQUEST is added. */
export function buildRequest(request: { type: number; flags?: number; seq?: number; payload: Uint8Array }): Uint8Array {
  const length = nlmsghdr.size + request.payload.length;
  const message = new Uint8Array(align(length));
  nlmsghdr.write(new DataView(message.buffer), 0, {
    nlmsg_len: length,
    nlmsg_type: request.type,
    nlmsg_flags: NLM_F.REQUEST | (request.flags ?? 0),
    nlmsg_seq: request.seq ?? 0,
  });
  message.set(request.payload, nlmsghdr.size);
  return message;
}

/** The messages of one datagram; their payloads are views of it. @throws NetlinkFormatError */
export function parseMessages(datagram: Uint8Array): NetlinkMessage[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < datagram.length) {
    if (at + nlmsghdr.size > datagram.length) throw new NetlinkFormatError(`${datagram.length - at} bytes are no header`);
    const { nlmsg_len: length, nlmsg_type: type, nlmsg_flags: flags, nlmsg_seq: seq, nlmsg_pid: portId } = nlmsghdr.read(view, at);
    if (length < nlmsghdr.size || at + length > datagram.length) throw new NetlinkFormatError(`a message of ${length} bytes in ${datagram.length - at}`);
    messages.push({ type, flags, seq, portId, payload: datagram.subarray(at + nlmsghdr.size, at + length) });
    at += align(length);
  }
  return messages;
}

/**
 * The verdict in an NLMSG_ERROR or NLMSG_DONE message: undefined for success (an acknowledgement, the end of a dump).
 * A failed dump ends with NLMSG_DONE and a negative errno, as where the kernel lacks the diag module. @throws NetlinkFormatError
 */
export function parseVerdict(message: NetlinkMessage): NetlinkError | undefined {
  const { payload } = message;
  if (payload.length < 4) {
    if (message.type === NLMSG.DONE && payload.length === 0) return undefined;
    throw new NetlinkFormatError('no error number');
  }
  const error = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getInt32(0, true);
  if (error >= 0) return undefined;
  return new NetlinkError(-error, explanationOf(message));
}

function explanationOf({ type, flags, payload }: NetlinkMessage): string | undefined {
  if ((flags & NLM_F.ACK_TLVS) === 0) return undefined;
  // Behind the error number: the request's header and, unless NLM_F_CAPPED, its payload; then attributes.
  let start = 4;
  if (type === NLMSG.ERROR) {
    if (payload.length < 4 + nlmsghdr.size) throw new NetlinkFormatError('an error without the request');
    const requestLength = new DataView(payload.buffer, payload.byteOffset + 4, 4).getUint32(0, true);
    start += (flags & NLM_F.CAPPED) !== 0 ? nlmsghdr.size : align(requestLength);
  }
  const text = parseAttributes(payload.subarray(start)).get(NLMSGERR_ATTR.MSG);
  return text === undefined ? undefined : attributeText(text);
}
