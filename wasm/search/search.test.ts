import t from 'tap';
import { plainMemory, threadMemory } from '../memory.js';
import type { Memory } from '../memory.js';
import { openSearch, plainSearch, rareByte } from './search.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Searches by the door, in as many steps as `room` asks for. */
function searchAll(memory: Memory, hay: Uint8Array, needle: Uint8Array, room: number): number[] {
  const door = openSearch(memory);
  using hayRegion = memory.allocate(hay.length);
  using needleRegion = memory.allocate(needle.length);
  using places = memory.allocate(room * 4);
  needleRegion.bytes().set(needle);
  const found: number[] = [];
  for (let from = 0; from + needle.length <= hay.length && needle.length > 0; ) {
    const rest = hay.subarray(from);
    hayRegion.bytes(0, rest.length).set(rest);
    const result = door.search(hayRegion, rest.length, needleRegion, places);
    found.push(...[...new Uint32Array(memory.buffer, places.address, result.found)].map((place) => place + from));
    from += result.searched;
  }
  return found;
}

const rows: { name: string; hay: Uint8Array; needle: Uint8Array; at: number[] }[] = [
  { name: 'nothing to search in', hay: bytes(''), needle: bytes('a'), at: [] },
  { name: 'the needle is longer', hay: bytes('ab'), needle: bytes('abc'), at: [] },
  { name: 'all of it', hay: bytes('abc'), needle: bytes('abc'), at: [0] },
  { name: 'one byte', hay: bytes('banana'), needle: bytes('a'), at: [1, 3, 5] },
  { name: 'overlapping', hay: bytes('aaaaa'), needle: bytes('aaa'), at: [0, 1, 2] },
  { name: 'across the steps of 64', hay: bytes(`${'x'.repeat(60)}needle${'x'.repeat(200)}needle`), needle: bytes('needle'), at: [60, 266] },
  { name: 'first and last byte alone do not count', hay: bytes('neXdle'.repeat(30)), needle: bytes('needle'), at: [] },
  { name: 'zeros', hay: new Uint8Array(130), needle: new Uint8Array(128), at: [0, 1, 2] },
  { name: 'at the very end', hay: bytes(`${'.'.repeat(127)}z`), needle: bytes('z'), at: [127] },
];
for (const { name, hay, needle, at } of rows) {
  for (const [kind, memory] of [['wasm', threadMemory()], ['plain', plainMemory()]] as const) {
    t.same(searchAll(memory, hay, needle, 100), at, `${kind}: ${name}`);
    t.same(searchAll(memory, hay, needle, 1), at, `${kind}, a place at a time: ${name}`);
  }
}

t.test('random bytes: as the plain search', (t) => {
  let state = 7;
  const random = (below: number): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
  let found = 0;
  for (let round = 0; round < 500; round++) {
    // Few different bytes, so that much is found and more is nearly.
    const hay = Uint8Array.from({ length: random(400) }, () => random(3));
    const needle = Uint8Array.from({ length: 1 + random(5) }, () => random(3));
    const expected = new Uint32Array(500);
    const plain = plainSearch(hay, needle, expected);
    found += plain.found;
    const got = searchAll(threadMemory(), hay, needle, 500);
    if (JSON.stringify(got) !== JSON.stringify([...expected.subarray(0, plain.found)])) t.fail(`round ${round}: ${String(got)}`);
  }
  t.ok(found > 1000, `${found} found`);
  t.end();
});

t.equal(rareByte(bytes('password=')), 8, 'a byte that is rare');
t.equal(rareByte(new Uint8Array(5)), 4, 'the last where all are common');

t.test('no room, out of range', (t) => {
  const memory = threadMemory();
  using hay = memory.allocate(4);
  using needle = memory.allocate(1);
  using places = memory.allocate(3);
  t.throws(() => openSearch(memory).search(hay, 4, needle, places), { message: 'no room for what is found' });
  t.throws(() => openSearch(memory).search(hay, 5, needle, places), RangeError);
  t.end();
});
