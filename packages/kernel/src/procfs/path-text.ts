// Paths are bytes. Here they are strings all the same: UTF-8 where it is UTF-8, and each byte that is not
// becomes one lone surrogate U+DC80…U+DCFF ("surrogateescape", as in Python), so nothing gets lost.
import { isUtf8 } from 'node:buffer';

export function decodePath(bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let text = '';
  let at = 0;
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at);
    if (length === 0) text += String.fromCharCode(0xdc00 + (buffer[at++] as number));
    else {
      text += buffer.toString('utf8', at, at + length);
      at += length;
    }
  }
  return text;
}

/** The bytes of a string that `decodePath` made. Node's fs functions need them (as a Buffer) where `isPlainPath` is false. */
export function encodePath(text: string): Buffer {
  if (isPlainPath(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    const escaped = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    parts.push(escaped ? Buffer.of(code - 0xdc00) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** No byte of the path had to be escaped (with the u flag a surrogate pair is one character, and only lone ones match). */
export function isPlainPath(text: string): boolean {
  return !/[\udc80-\udcff]/u.test(text);
}

/**
 * d_path() appends " (deleted)" when the name has been unlinked, but a file may also be called so:
 * only a look at the file itself (its link count, or stat of the full text) can tell.
 */
export interface ShownPath {
  /** The path without the suffix, if it has one. */
  readonly path: string;
  /** It ends in " (deleted)": unlinked, or called so. */
  readonly maybeDeleted: boolean;
}

const suffix = ' (deleted)';

export function splitDeleted(shown: string): ShownPath {
  return shown.endsWith(suffix) ? { path: shown.slice(0, -suffix.length), maybeDeleted: true } : { path: shown, maybeDeleted: false };
}

/**
 * Undoes the octal escapes of seq_path() and mangle_path(): `\040`, `\011`, `\012`, `\134`, `\043`.
 * In mountinfo a backslash itself is escaped, so this is exact. In maps only newline is ("\012") and the
 * backslash is not: there a file whose name holds the four characters \012 looks the same; map_files tells.
 */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => {
    const code = Number.parseInt(digits, 8);
    return code < 0x80 ? String.fromCharCode(code) : String.fromCharCode(0xdc00 + code);
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Length of the well-formed UTF-8 sequence at `at`; 0 when there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  return length > 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
