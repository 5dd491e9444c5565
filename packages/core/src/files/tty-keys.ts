// c_cc of termios_entry: the images have nineteen 32-bit numbers, of which the first eight hold four keys each, as they lie
// in memory; the others mean nothing (an interface of the image format).
import type { termios_entry, tty_info_entry } from '@criu-ts/images';

const KEYS = 19;
const NUMBERS = 19;

/** A key a number → as the images have them. */
export function packKeys(keys: readonly number[]): number[] {
  const view = new DataView(new ArrayBuffer(4 * NUMBERS));
  keys.slice(0, KEYS).forEach((key, i) => view.setUint8(i, key));
  return Array.from({ length: NUMBERS }, (_, i) => view.getUint32(4 * i, true));
}

/** The inverse of {@link packKeys}. */
export function unpackKeys(numbers: readonly number[]): number[] {
  return Array.from({ length: KEYS }, (_, i) => ((numbers[i >> 2] ?? 0) >>> (8 * (i & 3))) & 0xff);
}

/** Both sets of modes of a terminal, with their keys packed, or unpacked. */
export function withKeys(info: tty_info_entry, change: (keys: readonly number[]) => number[]): tty_info_entry {
  const changed = (modes: termios_entry): termios_entry => ({ ...modes, cCc: change(modes.cCc) });
  return { ...info, ...(info.termios && { termios: changed(info.termios) }), ...(info.termiosLocked && { termiosLocked: changed(info.termiosLocked) }) };
}
