import t from 'tap';
import { plainMemory, threadMemory } from '../memory.js';
import { openCrc32c, plainCrc32c } from './crc32c.js';

const bytes = (length: number, at: (i: number) => number): Uint8Array => Uint8Array.from({ length }, (_, i) => at(i));

/** RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
const rows = [
  { name: 'nothing', bytes: bytes(0, () => 0), crc: 0 },
  { name: '32 zeroes', bytes: bytes(32, () => 0), crc: 0x8a91_36aa },
  { name: '32 times 0xff', bytes: bytes(32, () => 0xff), crc: 0x62a8_ab43 },
  { name: '0 to 31', bytes: bytes(32, (i) => i), crc: 0x46dd_794e },
  { name: '31 to 0', bytes: bytes(32, (i) => 31 - i), crc: 0x113f_db5c },
  { name: '123456789', bytes: new TextEncoder().encode('123456789'), crc: 0xe306_9283 },
];

const memories = { 'as WebAssembly': threadMemory(), 'without WebAssembly': plainMemory() };
t.ok(threadMemory().wasm, 'the tests run with WebAssembly');

for (const [way, memory] of Object.entries(memories)) {
  const crc32c = openCrc32c(memory);
  for (const row of rows) {
    t.test(`${row.name}, ${way}`, (t) => {
      using region = memory.allocate(row.bytes.length);
      region.bytes().set(row.bytes);
      t.equal(crc32c.checksum(region, 0, row.bytes.length), row.crc);
      t.end();
    });
  }

  t.test(`every length and start as the oracle says, ${way}`, (t) => {
    using region = memory.allocate(100);
    region.bytes().set(bytes(100, (i) => (i * 151) & 0xff));
    let differing = 0;
    for (let start = 0; start < 17; start++) {
      for (let length = 0; length <= 100 - start; length++) {
        if (crc32c.checksum(region, start, length) !== plainCrc32c(region.bytes(start, length))) differing++;
      }
    }
    t.equal(differing, 0);
    t.end();
  });

  t.test(`in pieces, ${way}`, (t) => {
    using region = memory.allocate(1000);
    region.bytes().set(bytes(1000, (i) => (i * 7919) & 0xff));
    const first = crc32c.checksum(region, 0, 333);
    t.equal(crc32c.checksum(region, 333, 667, first), crc32c.checksum(region, 0, 1000));
    t.end();
  });

  t.test(`outside the region, ${way}`, (t) => {
    using region = memory.allocate(10);
    t.throws(() => crc32c.checksum(region, 5, 6), { name: 'RangeError' });
    t.throws(() => crc32c.checksum(region, -1, 1), { name: 'RangeError' });
    t.end();
  });
}
