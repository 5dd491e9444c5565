import type { Random } from '../random.js';

/** First words of `ip address save`, `ip route save`, `ip rule save`. */
const STREAM_WORDS = [0x4736_1222, 0x4531_1224, 0x7170_6986];

/** Netlink messages (netlink.h): header, a family's own header, attributes in attributes; lengths that lie now and then. */
export function oddNetlink(random: Random): Uint8Array {
  const attribute = (depth: number): Uint8Array => {
    const content = depth < 6 && random.once(3) ? Buffer.concat(Array.from({ length: random.below(4) }, () => attribute(depth + 1))) : random.bytes(random.of([0, 1, 4, 4, 8, 16]));
    const header = new Uint8Array(4);
    const view = new DataView(header.buffer);
    view.setUint16(0, random.once(20) ? random.below(0x10000) : content.length + 4, true);
    view.setUint16(2, random.below(60) | (random.once(3) ? 0x8000 : 0), true);
    return Buffer.concat([header, content, new Uint8Array((4 - (content.length % 4)) % 4)]);
  };
  const messages = Array.from({ length: random.below(5) }, () => {
    const body = Buffer.concat([random.bytes(random.of([4, 8, 12, 12])), ...Array.from({ length: random.below(5) }, () => attribute(0))]);
    const header = new Uint8Array(16);
    const view = new DataView(header.buffer);
    view.setUint32(0, random.once(20) ? random.word() : body.length + 16, true);
    view.setUint16(4, random.of([20, 24, 32, 0x100, 0x201, random.below(0x10000)]), true);
    return Buffer.concat([header, body]);
  });
  const word = new Uint8Array(4);
  new DataView(word.buffer).setUint32(0, random.of(STREAM_WORDS), random.once(8) ? false : true);
  return Buffer.concat(random.once(3) ? messages : [word, ...messages]);
}
