/**
 * Text of unknown encoding, as paths are: UTF-8 where it is UTF-8, and each byte that is not becomes
 * U+DC80…U+DCFF (Python's surrogateescape, PEP 383), so that every byte string survives the way there and back.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

/** Below this length a loop over ASCII is faster than TextDecoder. */
const SHORT = 48;

export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT) {
    let text = '';
    let at = start;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
      at++;
    }
    if (at === end) return text;
  }
  const part = bytes.subarray(start, end);
  try {
    return strict.decode(part);
  } catch {
    return decodeEscaped(part);
  }
}

/** Length of the well-formed UTF-8 sequence at `at` (Unicode table 3-7), 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const second = bytes[at + 1] ?? 0;
  if (first >= 0xc2 && first <= 0xdf) return (second & 0xc0) === 0x80 ? 2 : 0;
  const third = bytes[at + 2] ?? 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && (third & 0xc0) === 0x80 ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high && (third & 0xc0) === 0x80 && ((bytes[at + 3] ?? 0) & 0xc0) === 0x80 ? 4 : 0;
  }
  return 0;
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = '';
  let goodFrom = 0;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += strict.decode(bytes.subarray(goodFrom, at)) + String.fromCharCode(0xdc00 + bytes[at]!);
    goodFrom = ++at;
  }
  return text + strict.decode(bytes.subarray(goodFrom));
}

/** @throws RangeError for a lone surrogate that stands for no byte */
export function encodeText(text: string): Uint8Array {
  if (text.length <= SHORT) {
    const short = new Uint8Array(text.length);
    let at = 0;
    for (; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= 0x80) break;
      short[at] = unit;
    }
    if (at === text.length) return short;
  }
  return LONE_SURROGATE.test(text) ? encodeEscaped(text) : utf8.encode(text);
}

const LONE_SURROGATE = /[\ud800-\udfff]/u;

function encodeEscaped(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else if (code >= 0xd800 && code <= 0xdfff) throw new RangeError(`text holds the lone surrogate U+${code.toString(16).toUpperCase()}, which stands for no byte`);
    else for (const byte of utf8.encode(character)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
