import t from 'tap';
import { checkRange, oncePerMemory, plainMemory, threadMemory } from './memory.js';

const memories = { 'WebAssembly memory': threadMemory(), 'plain memory': plainMemory() };

for (const [name, memory] of Object.entries(memories)) {
  t.test(`${name}: regions`, (t) => {
    const first = memory.allocate(10);
    const second = memory.allocate(10);
    t.equal(first.address % 16, 0);
    t.ok(second.address >= first.address + 10 + 16, 'there is slack between them');
    t.throws(() => first[Symbol.dispose](), { message: /reverse order/ });
    second[Symbol.dispose]();
    first[Symbol.dispose]();
    using again = memory.allocate(1);
    t.equal(again.address, first.address);
    t.end();
  });

  t.test(`${name}: growing keeps what is there`, (t) => {
    using first = memory.allocate(4);
    first.bytes().set([1, 2, 3, 4]);
    const before = memory.buffer;
    using large = memory.allocate(64 * 1024 * 1024);
    t.not(memory.buffer, before);
    large.bytes().fill(9);
    t.same([...first.bytes()], [1, 2, 3, 4]);
    t.equal(memory.buffer.byteLength >= large.address + large.length, true);
    t.end();
  });

  t.test(`${name}: parts of a region`, (t) => {
    using region = memory.allocate(8);
    region.bytes().set([0, 1, 2, 3, 4, 5, 6, 7]);
    t.same([...region.bytes(2, 3)], [2, 3, 4]);
    t.same([...region.bytes(6)], [6, 7]);
    t.throws(() => region.bytes(6, 3), { name: 'RangeError' });
    t.throws(() => region.bytes(-1), { name: 'RangeError' });
    for (const [offset, length] of [[0, 9], [-1, 1], [9, 0], [0.5, 1], [0, NaN]] as const) t.throws(() => checkRange(region, offset, length), { name: 'RangeError' }, `${offset}, ${length}`);
    t.end();
  });

  t.test(`${name}: what is reserved stays apart`, (t) => {
    const kept = memory.reserve(100);
    using region = memory.allocate(100);
    t.ok(kept + 100 <= region.address);
    t.throws(() => memory.reserve(1 << 20), { name: 'RangeError' });
    t.end();
  });
}

t.test('a door is opened once a memory', (t) => {
  let opened = 0;
  const open = oncePerMemory(() => ({ number: ++opened }));
  t.equal(open(memories['plain memory']), open(memories['plain memory']));
  t.not(open(memories['plain memory']), open(memories['WebAssembly memory']));
  t.equal(opened, 2);
  t.end();
});
