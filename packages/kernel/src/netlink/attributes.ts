// Netlink attributes: type, length, value, padded to four bytes (netlink(7), linux/netlink.h struct nlattr).
import { NLA_F, nlattr, NLMSG } from '../abi/netlink.js';
import { NetlinkFormatError } from './errors.js';

/** NLMSG_ALIGN: messages and attributes begin at multiples of four bytes. */
export const align = (length: number): number => (length + NLMSG.ALIGNTO - 1) & -NLMSG.ALIGNTO;

/** Values by type, flags (nested, byte order) removed; views of `bytes`. Of a type that repeats, the last. @throws NetlinkFormatError */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(listAttributes(bytes));
}

/** All attributes in their order, for lists in which types repeat. @throws NetlinkFormatError */
export function listAttributes(bytes: Uint8Array): [type: number, value: Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes: [number, Uint8Array][] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + nlattr.size > bytes.length) throw new NetlinkFormatError(`${bytes.length - at} bytes are no attribute`);
    const { nla_len: length, nla_type: type } = nlattr.read(view, at);
    if (length < nlattr.size || at + length > bytes.length) throw new NetlinkFormatError(`an attribute of ${length} bytes in ${bytes.length - at}`);
    attributes.push([type & ~(NLA_F.NESTED | NLA_F.NET_BYTEORDER), bytes.subarray(at + nlattr.size, at + length)]);
    at += align(length);
  }
  return attributes;
}

/** An attribute's value by its C type, little-endian. @throws NetlinkFormatError when it is too short */
export const attributeU8 = (value: Uint8Array): number => viewOf(value, 1).getUint8(0);
export const attributeU16 = (value: Uint8Array): number => viewOf(value, 2).getUint16(0, true);
export const attributeU32 = (value: Uint8Array): number => viewOf(value, 4).getUint32(0, true);
export const attributeU64 = (value: Uint8Array): bigint => viewOf(value, 8).getBigUint64(0, true);
/** An array of u32. */
export function attributeU32s(value: Uint8Array): number[] {
  if (value.length % 4 !== 0) throw new NetlinkFormatError(`${value.length} bytes are no array of u32`);
  const view = viewOf(value, 0);
  return Array.from({ length: value.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}
/** Text up to its NUL. */
export function attributeText(value: Uint8Array): string {
  const end = value.indexOf(0);
  return Buffer.from(value.subarray(0, end < 0 ? value.length : end)).toString('utf8');
}

/** Builds a list of attributes: `new AttributeWriter().u32(IFLA.MTU, 1500).nest(IFLA.LINKINFO, …).finish()`. */
export class AttributeWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(type: number, value: Uint8Array): this {
    const length = nlattr.size + value.length;
    if (length > 0xffff) throw new RangeError(`an attribute holds at most 65531 bytes, not ${value.length}`);
    const part = new Uint8Array(align(length));
    nlattr.write(new DataView(part.buffer), 0, { nla_len: length, nla_type: type });
    part.set(value, nlattr.size);
    this.#parts.push(part);
    return this;
  }

  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value));
  }

  u16(type: number, value: number): this {
    const bytes = new Uint8Array(2);
    new DataView(bytes.buffer).setUint16(0, value, true);
    return this.bytes(type, bytes);
  }

  u32(type: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.bytes(type, bytes);
  }

  /** Network byte order, as nfnetlink wants its numbers. */
  be32(type: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return this.bytes(type, bytes);
  }

  u64(type: number, value: bigint): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    return this.bytes(type, bytes);
  }

  /** With the NUL that ends it. */
  text(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`, 'utf8'));
  }

  /** A list within an attribute. */
  nest(type: number, build: (inner: AttributeWriter) => void): this {
    const inner = new AttributeWriter();
    build(inner);
    return this.bytes(type | NLA_F.NESTED, inner.finish());
  }

  finish(): Uint8Array {
    return concatBytes(this.#parts);
  }
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function viewOf(value: Uint8Array, size: number): DataView {
  if (value.length < size) throw new NetlinkFormatError(`an attribute of ${value.length} bytes where ${size} belong`);
  return new DataView(value.buffer, value.byteOffset, value.byteLength);
}
