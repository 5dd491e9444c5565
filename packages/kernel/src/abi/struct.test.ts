import t from 'tap';
import { array, be16, bytes, defineStruct, i32, ptr, u16, u32, u64, u8 } from './struct.js';

const header = 'none';

t.test('layout follows C', async (t) => {
  const rows = [
    { name: 'padding inside and behind', fields: { a: u8, b: u64, c: u16 }, size: 24, offsets: { a: 0, b: 8, c: 16 } },
    { name: 'arrays align as their element', fields: { a: u16, b: array(u32, 3), c: u8 }, size: 20, offsets: { a: 0, b: 4, c: 16 } },
    { name: 'bytes align to 1', fields: { a: u8, b: bytes(3), c: u16 }, size: 6, offsets: { a: 0, b: 1, c: 4 } },
    { name: 'packed', fields: { a: u32, b: u64 }, size: 12, offsets: { a: 0, b: 4 }, packed: true },
  ];
  for (const { name, fields, size, offsets, packed } of rows) {
    const struct = defineStruct(name, fields, { size, header, ...(packed ? { packed } : {}) });
    t.same(struct.offsets, offsets, name);
  }
});

t.test('a size that C would not give is refused', async (t) => {
  t.throws(() => defineStruct('x', { a: u32 }, { size: 8, header }).plan, /struct x: the fields make 4 bytes, not 8/);
  t.throws(() => defineStruct('x', { a: u64, b: u64 }, { size: 8, header, openEnd: true }).plan, /16 bytes/);
  t.equal(defineStruct('x', { a: u32 }, { size: 8, header, openEnd: true }).size, 8);
});

const inner = defineStruct('inner', { low: u32, high: i32 }, { size: 8, header });
const outer = defineStruct('outer', { id: u16, port: be16, pair: array(inner, 2), address: ptr, mask: u64 }, { size: 40, header });

t.test('what is written is read', async (t) => {
  const value = {
    id: 0xbeef,
    port: 80,
    pair: [
      { low: 1, high: -1 },
      { low: 0xffff_ffff, high: 2 },
    ],
    address: 0x7fff_1234_5678,
    mask: 0xffff_ffff_ffff_fffen,
  };
  const encoded = outer.encode(value);
  t.same(outer.decode(encoded), value);
  t.same([...encoded.subarray(0, 8)], [0xef, 0xbe, 0, 80, 1, 0, 0, 0]);
  t.equal(new DataView(encoded.buffer).getBigUint64(24, true), 0x7fff_1234_5678n);
});

t.test('write leaves alone what is not given', async (t) => {
  const view = new DataView(new ArrayBuffer(48).slice(0));
  outer.write(view, 8, { mask: 1n, address: 5 });
  outer.write(view, 8, { address: 7 });
  t.match(outer.read(view, 8), { id: 0, address: 7, mask: 1n });
});

t.test('nothing is rounded, cut or lost in silence', async (t) => {
  const view = new DataView(new ArrayBuffer(40));
  view.setBigUint64(24, 0x20_0000_0000_0000n, true);
  t.throws(() => outer.read(view, 0), /0x20000000000000 is no user address/);
  t.throws(() => outer.encode({ address: -1 }), RangeError);
  t.throws(() => outer.encode({ address: 2 ** 53 }), RangeError);
  t.throws(() => outer.encode({ pair: [{ low: 1, high: 1 }] }), /1 elements where C has 2/);
  t.throws(() => bytes(2).write(view, 0, new Uint8Array(3)), RangeError);
  t.throws(() => outer.encode({ oops: 1 } as object), /no field oops/);
  t.throws(() => outer.decode(new Uint8Array(39)), RangeError);
});
