/**
 * A 64-bit number and its two halves in the same memory: the quickest way between bigint and bits.
 * Which half is the low one depends on the host (Linux on s390x is big-endian).
 */
export const pair = new Uint32Array(2);
export const whole = new BigUint64Array(pair.buffer);
export const signed = new BigInt64Array(pair.buffer);
export const LOW = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;
export const HIGH = 1 - LOW;
