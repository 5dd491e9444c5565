// /proc/net/raw and raw6 (net/ipv4/raw.c raw_sock_seq_show): the only list of raw sockets where the kernel lacks raw_diag.
import { readProcText } from './read.js';

export interface RawSocket {
  readonly inode: number;
  readonly state: number;
  /** Network order: 4 or 16 bytes; zeros: none. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

/** `  1: 00000000:0001 0100007F:0000 01 00000000:00000000 00:00000000 00000000  0 0 INODE 2 …`, after a line of titles. */
export function parseNetRaw(text: string): RawSocket[] {
  return text.split('\n').slice(1).flatMap((line) => {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || state === undefined || inode === undefined) return [];
    return [{ inode: Number(inode), state: Number.parseInt(state, 16), local: addressOf(local), remote: addressOf(remote) }];
  });
}

/** Words as this CPU reads them: little-endian. */
function addressOf(shown: string): Uint8Array {
  const words = (shown.split(':')[0] ?? '').match(/.{8}/g) ?? [];
  return new Uint8Array(Uint32Array.from(words, (word) => Number.parseInt(word, 16)).buffer);
}

/** Of our own network namespace. */
export const readNetRaw = (v6: boolean): RawSocket[] => parseNetRaw(readProcText('self', `net/${v6 ? 'raw6' : 'raw'}`));
