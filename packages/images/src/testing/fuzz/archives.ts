import { gzipSync } from 'node:zlib';
import type { Random } from '../random.js';

const BLOCK = 512;

export interface Member {
  readonly name: string;
  readonly type?: string;
  readonly link?: string;
  readonly bytes?: Uint8Array;
  /** what the header says, where it lies */
  readonly size?: number | string;
}

/** A tar, headers with a fitting checksum, whatever else they say. */
export function tarOf(members: readonly Member[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { name, type = '0', link = '', bytes = new Uint8Array(0), size = bytes.length } of members) {
    const header = new Uint8Array(BLOCK);
    const put = (at: number, text: string): void => void new TextEncoder().encodeInto(text, header.subarray(at));
    put(0, name.slice(0, 100));
    put(124, typeof size === 'string' ? size.slice(0, 12) : `${size.toString(8).padStart(11, '0')}\0`);
    put(148, '        ');
    put(156, type);
    put(157, link.slice(0, 100));
    put(257, 'ustar\x0000');
    put(148, `${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `);
    parts.push(header, bytes, new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(parts);
}

const ODD_SIZES = ['77777777777', '-1', '9'.repeat(12), '\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', ' ', '00000001000'];
const ODD_PAX = ['size=-1', 'size=1e400', 'size=99999999999999', 'path=../../../etc/passwd', `path=${'d/'.repeat(3000)}x`, 'linkpath=/', 'GNU.sparse.major=1', '=', 'size=0x10', 'path='];

/** Members put in, taken away, twice, renamed, made links or headers; sizes that lie. */
export function oddMembers(members: readonly Member[], random: Random): Member[] {
  const odd = [...members];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(odd.length);
    const member = odd[at]!;
    const pax = random.of(ODD_PAX);
    const record = `${pax.length + 4} ${pax}\n`;
    const put: Member[] = random.of<() => Member[]>([
      () => [],
      () => [member, member],
      () => [{ ...member, size: random.of(ODD_SIZES) }],
      () => [{ ...member, size: random.below(2 ** 31) }],
      () => [{ ...member, type: random.of(['1', '2', '3', '5', '7', 'S', 'V', 'K', 'L', 'x', 'g', '\0']) }],
      () => [{ ...member, name: random.of(['../x', '/', '', '.', 'a/../../b', `${'x/'.repeat(49)}y`, 'blobs/sha256/a', 'inner.tar.gz']) }],
      () => [{ name: 'pax', type: 'x', bytes: Buffer.from(record) }, member],
      () => [{ name: 'pax', type: random.of(['x', 'g']), bytes: random.bytes(random.below(40)) }, member],
      () => [{ name: '././@LongLink', type: random.of(['K', 'L']), bytes: Buffer.alloc(random.below(5000), 'n') }, member],
      () => [{ name: 'parent', type: '2', link: random.of(['.', '..', '/', 'parent', '../parent', 'checkpoint', '']) }, member],
      () => [member, { name: 'inner.tar', bytes: tarOf(members.slice(0, 3)) }],
      () => [member, { name: 'blobs/sha256/x', bytes: gzipSync(tarOf(members.slice(0, 3)), { level: 1 }) }],
    ])();
    odd.splice(at, 1, ...put);
    if (odd.length === 0) return [member];
  }
  return odd;
}

/** zstd without compression (RFC 8878): raw blocks and runs; `window` is what the descriptor says. */
export function zstdOf(bytes: Uint8Array, random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0, frames = 1 + random.below(3); frames > 0; frames--) {
    const end = frames === 1 ? bytes.length : at + random.below(bytes.length - at + 1);
    // Windows of 1 KiB to 2 TiB.
    parts.push(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, (random.once(8) ? random.below(32) : 7) << 3));
    do {
      const length = Math.min(end - at, 1 + random.below(100_000));
      const last = at + length >= end ? 1 : 0;
      const header = (length << 3) | last;
      parts.push(Uint8Array.of(header & 0xff, (header >> 8) & 0xff, header >> 16), bytes.subarray(at, at + length));
      at += length;
    } while (at < end);
    if (random.once(10)) parts.push(runsFrame(1 + random.below(1000), random.below(random.of([10, 4096, 128 * 1024]))));
  }
  return Buffer.concat(parts);
}

/** A frame of so many runs of zeros. */
function runsFrame(runs: number, length: number): Uint8Array {
  const blocks = Array.from({ length: runs }, (_, i) => {
    const header = (length << 3) | (1 << 1) | Number(i === runs - 1);
    return [header & 0xff, (header >> 8) & 0xff, header >> 16, 0];
  });
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3, ...blocks.flat()]);
}
