/** The two ways in which `crit` writes bytes as text. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Bytes to a line of 76 characters (RFC 2045, 6.8). */
const LINE = 57;

const ALPHABET_CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const PADDING = 61;
const ascii = new TextDecoder();

/**
 * base64 in lines, each with its line feed, the last as well; no bytes are no lines. The text is laid out as bytes first:
 * strings put together from four characters at a time would take twenty times the memory of what they say.
 */
export function encodeBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(4 * Math.ceil(bytes.length / 3) + Math.ceil(bytes.length / LINE));
  let put = 0;
  for (let from = 0; from < bytes.length; from += LINE) {
    const to = Math.min(from + LINE, bytes.length);
    for (let at = from; at < to; at += 3) {
      const left = to - at;
      const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      text[put++] = ALPHABET_CODES[group >> 18]!;
      text[put++] = ALPHABET_CODES[(group >> 12) & 63]!;
      text[put++] = left > 1 ? ALPHABET_CODES[(group >> 6) & 63]! : PADDING;
      text[put++] = left > 2 ? ALPHABET_CODES[group & 63]! : PADDING;
    }
    text[put++] = 10;
  }
  return ascii.decode(text);
}

const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character.charCodeAt(0), value]));

/** White space may be anywhere; undefined where it is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s+/g, '');
  if (compact.length % 4 !== 0) return undefined;
  const padding = compact.endsWith('==') ? 2 : compact.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((compact.length / 4) * 3 - padding);
  const end = compact.length - padding;
  let group = 0;
  let out = 0;
  for (let at = 0; at < end; at++) {
    const value = VALUES.get(compact.charCodeAt(at));
    if (value === undefined) return undefined;
    group = (group << 6) | value;
    if (at % 4 === 1) bytes[out++] = group >> 4;
    else if (at % 4 === 2) bytes[out++] = group >> 2;
    else if (at % 4 === 3) bytes[out++] = group;
    group &= 0xff_ffff;
  }
  return bytes;
}

/** Longest line of quoted-printable text (RFC 2045, 6.7), the soft line break included. */
const MAX_LINE = 76;
const LF = 10;
const CR = 13;
const EQUALS = 61;
const DOT = 46;

const escaped = (byte: number): string => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
const isBlank = (byte: number | undefined): boolean => byte === 9 || byte === 32;

/** Quoted-printable (RFC 2045, 6.7), with line breaks where Python's quopri has them. */
export function encodeQuotedPrintable(bytes: Uint8Array): string {
  let out = '';
  let column = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    const next = bytes[at + 1];
    const last = at + 1 === bytes.length;
    const lineBreak = byte === LF || (byte === CR && next === LF);
    const loneDot = byte === DOT && column === 0 && (last || next === LF || next === CR || next === 0);
    const control = byte < 32 && byte !== 9 && byte !== LF && byte !== CR;
    if (byte > 126 || byte === EQUALS || loneDot || control || (isBlank(byte) && last)) {
      if (column + 3 >= MAX_LINE) {
        out += '=\n';
        column = 0;
      }
      out += escaped(byte);
      column += 3;
    } else if (lineBreak) {
      const before = out.charCodeAt(out.length - 1);
      if (isBlank(before)) out = out.slice(0, -1) + escaped(before);
      if (byte === CR) at++;
      out += byte === CR ? '\r\n' : '\n';
      column = 0;
    } else {
      if (!last && next !== LF && column + 1 >= MAX_LINE) {
        out += '=\n';
        column = 0;
      }
      out += String.fromCharCode(byte);
      column++;
    }
  }
  return out;
}

/** undefined where the text holds what is not ASCII. An `=` that begins nothing stands for itself. */
export function decodeQuotedPrintable(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  const token = /=\r?\n|=([0-9A-Fa-f]{2})|==|[^]/g;
  for (const [found, digits] of text.matchAll(token)) {
    if (digits !== undefined) bytes.push(Number.parseInt(digits, 16));
    else if (found === '==') bytes.push(EQUALS);
    else if (found.length === 1) {
      const code = found.charCodeAt(0);
      if (code > 127) return undefined;
      bytes.push(code);
    }
  }
  return Uint8Array.from(bytes);
}
