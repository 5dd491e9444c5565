/** (criu).ipadd: addresses as `crit --pretty` shows them, from and to 32-bit words as they lie in memory (network order). */

const swap = (word: number): number => (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;

/** One word is IPv4, four are IPv6 (RFC 5952, without mixed notation); undefined for any other number. */
export function showAddress(words: readonly number[]): string | undefined {
  if (words.length === 1) {
    const value = swap(words[0]!);
    return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff].join('.');
  }
  if (words.length !== 4) return undefined;
  const groups = words.flatMap((word) => [swap(word) >>> 16, swap(word) & 0xffff]);
  const zeroes = longestZeroes(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (zeroes.length < 2) return text(groups);
  return `${text(groups.slice(0, zeroes.start))}::${text(groups.slice(zeroes.start + zeroes.length))}`;
}

function longestZeroes(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** The words of an address; undefined where the text is none. */
export function readAddress(text: string): number[] | undefined {
  if (text.includes(':')) return readV6(text);
  const bytes = text.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return undefined;
  return [swap(((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0)];
}

function readV6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<string>(tail ? missing : 0).fill('0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const numbers = groups.map((group) => Number.parseInt(group, 16));
  return [0, 2, 4, 6].map((i) => swap(((numbers[i]! << 16) | numbers[i + 1]!) >>> 0));
}
