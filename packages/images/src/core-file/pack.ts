/** Numbers one behind the other, in a machine's byte order; what is missing is zero. */
export interface Packing {
  readonly words64: (values: readonly bigint[], count?: number) => Uint8Array;
  readonly words32: (values: readonly number[], count?: number) => Uint8Array;
}

const packing = (little: boolean): Packing => ({
  words64(values, count = values.length) {
    const bytes = new Uint8Array(count * 8);
    const view = new DataView(bytes.buffer);
    values.slice(0, count).forEach((value, i) => view.setBigUint64(i * 8, value, little));
    return bytes;
  },
  words32(values, count = values.length) {
    const bytes = new Uint8Array(count * 4);
    const view = new DataView(bytes.buffer);
    values.slice(0, count).forEach((value, i) => view.setUint32(i * 4, value >>> 0, little));
    return bytes;
  },
});

export const littleEndian = packing(true);
export const bigEndian = packing(false);

/** As many of the numbers as there should be. */
export const exactly = (values: readonly bigint[], count: number): bigint[] => Array.from({ length: count }, (_, i) => values[i] ?? 0n);

/** Parts one behind the other, with zeros up to `size`. */
export function concat(size: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
