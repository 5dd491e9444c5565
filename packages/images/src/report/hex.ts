const WIDTH = 16;

/**
 * Bytes as people read them, piece by piece: 16 a line, with their address and what of them is text. Lines like the one
 * before are told by one "*", as hexdump(1) does.
 */
export class HexDump {
  #next = -1n;
  #last = '';
  #skipping = false;

  *lines(bytes: Uint8Array, address: bigint): Generator<string, void, undefined> {
    // Behind a gap nothing is repeated.
    if (address !== this.#next) this.#last = '';
    this.#next = address + BigInt(bytes.length);
    for (let at = 0; at < bytes.length; at += WIDTH) {
      const row = rowOf(bytes.subarray(at, at + WIDTH));
      if (row !== this.#last) yield `${(address + BigInt(at)).toString(16).padStart(16, '0')}  ${row}`;
      else if (!this.#skipping) yield '*';
      this.#skipping = row === this.#last;
      this.#last = row;
    }
  }
}

function rowOf(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const text = [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  return `${hex.padEnd(3 * WIDTH - 1)}  |${text}|`;
}
