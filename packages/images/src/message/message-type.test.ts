import { MessageType as ProtobufTsType } from '@protobuf-ts/runtime';
import type { PartialFieldInfo } from '@protobuf-ts/runtime';
import t from 'tap';
import { aa_namespace, creds_entry, eventfd_file_entry, fdinfo_entry, fown_entry, reg_file_entry, user_x86_xsave_entry, vma_entry } from '../gen/index.js';
import type { MessageType } from './message-type.js';
import { UNKNOWN_FIELDS } from './description.js';
import { fd_types } from '../gen/fdinfo.js';

/** The same message type as protobuf-ts itself codes it: the oracle. */
const oracles = new Map<string, ProtobufTsType<object>>();
function oracle(type: MessageType<object>): ProtobufTsType<object> {
  const known = oracles.get(type.name);
  if (known) return known;
  const fields = type.generatedFields.map((field) => {
    if (field.kind !== 'message') return field as unknown as PartialFieldInfo;
    return { ...field, T: () => oracle((field.T as () => MessageType<object>)()) } as unknown as PartialFieldInfo;
  });
  const made = new ProtobufTsType<object>(type.name, fields);
  oracles.set(type.name, made);
  return made;
}

const fown: fown_entry = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };
const vma: vma_entry = { start: 0x7fff_ffff_f000n, end: 0xffff_ffff_ffff_f000n, pgoff: 0n, shmid: 1n, prot: 5, flags: 0xffff_ffff, status: 0x8000_0001, fd: -1n };

const policy = { name: 'p', blob: Uint8Array.of(1) };

const rows: { name: string; type: MessageType<object>; message: object; protobufTsWritesIt?: false }[] = [
  // protobuf-ts leaves out required zeroes, which protobuf-c then misses.
  { name: 'required zeroes are written', type: fown_entry, message: fown, protobufTsWritesIt: false },
  { name: 'an optional zero is written', type: vma_entry, message: { ...vma, prot: 1, pgoff: 1n, madv: 0n, fdflags: 0 } },
  { name: 'only the first optional field of a VMA', type: vma_entry, message: { ...vma, pgoff: 1n, madv: 0xffff_ffff_ffff_ffffn } },
  { name: 'only the second optional field of a VMA', type: vma_entry, message: { ...vma, pgoff: 1n, fdflags: 7 } },
  { name: 'a VMA with the lowest fd', type: vma_entry, message: { ...vma, pgoff: 1n, fd: -0x8000_0000_0000_0000n } },
  { name: 'a VMA with the highest fd', type: vma_entry, message: { ...vma, pgoff: 1n, fd: 0x7fff_ffff_ffff_ffffn } },
  { name: 'an enum and a bool', type: fdinfo_entry, message: { id: 1, flags: 1, type: fd_types.CTL_TTY, fd: 3, xattrSecurity: 'x' }, protobufTsWritesIt: false },
  { name: 'a nested message and sint32', type: reg_file_entry, message: { id: 1, flags: 2, pos: 3n, fown: { uid: 1, euid: 1, signum: 1, pidType: 1, pid: 1 }, name: '/é', mntId: -2147483648, size: 0n } },
  { name: 'messages in messages, empty lists', type: aa_namespace, message: { name: 'a', policies: [{ name: 'p', blob: Uint8Array.of(0, 255) }], namespaces: [{ name: 'b', policies: [], namespaces: [] }] } },
  { name: 'equal messages in a row', type: aa_namespace, message: { name: 'a', policies: [policy, policy, policy, policy, policy, { name: 'q', blob: Uint8Array.of(1) }, policy, policy, { ...policy }], namespaces: [] } },
  { name: 'lists of numbers', type: creds_entry, message: { uid: 1, gid: 2, euid: 3, egid: 4, suid: 5, sgid: 6, fsuid: 7, fsgid: 8, capInh: [1, 0], capPrm: [0xffff_ffff], capEff: [], capBnd: [], secbits: 9, groups: [] } },
  { name: 'nested messages longer than 127, 16383 and 2097151 bytes', type: aa_namespace, message: { name: 'a', policies: [200, 20_000, 2_100_000].map((length) => ({ name: 'p', blob: new Uint8Array(length).fill(7) })), namespaces: [] } },
  { name: 'large lists in xsave', type: user_x86_xsave_entry, message: { xstateBv: 0x8000_0000_0000_0000n, ymmhSpace: Array.from({ length: 5000 }, (_, i) => (i * 2654435761) >>> 0), bndregState: [], bndcsrState: [], opmaskReg: [1n << 63n], zmmUpper: [], hi16Zmm: [], pkru: [] } },
];

for (const { name, type, message, protobufTsWritesIt } of rows) {
  t.test(name, (t) => {
    const known = Object.fromEntries(type.fields.map((field) => [field.key, (message as Record<string, unknown>)[field.key]]).filter(([, value]) => value !== undefined));
    const bytes = type.encode(message);
    t.same(type.decode(bytes), { ...Object.fromEntries(type.fields.filter((f) => f.repeated).map((f) => [f.key, []])), ...known });
    t.same(oracle(type).fromBinary(bytes), type.decode(bytes), 'protobuf-ts reads the same');
    if (protobufTsWritesIt !== false) t.same(type.encode(message), oracle(type).toBinary(oracle(type).create(message)), 'protobuf-ts writes the same');
    t.end();
  });
}

t.test('proto2 defaults are told, not assumed', (t) => {
  const bytes = reg_file_entry.encode({ id: 1, flags: 2, pos: 3n, fown, name: '', buildId: [] });
  t.notOk('mntId' in reg_file_entry.decode(bytes));
  t.equal(reg_file_entry.defaultOf('mntId'), -1);
  t.equal(reg_file_entry.defaultOf('size'), undefined);
  t.end();
});

t.test('fields that nobody knows survive', (t) => {
  const extra = [0xfa, 0x3f, 0x02, 0x61, 0x62, 0xf8, 0x3f, 0x01, 0xf9, 0x3f, 1, 2, 3, 4, 5, 6, 7, 8, 0xfd, 0x3f, 1, 2, 3, 4];
  const bytes = Uint8Array.from([...fown_entry.encode(fown), ...extra]);
  const message = fown_entry.decode(bytes) as fown_entry & { [UNKNOWN_FIELDS]?: Uint8Array };
  t.same(message[UNKNOWN_FIELDS], Uint8Array.from(extra));
  t.same(fown_entry.encode(message), bytes);
  const vmaBytes = Uint8Array.from([...vma_entry.encode(vma), ...extra]);
  t.same(vma_entry.encode(vma_entry.decode(vmaBytes)), vmaBytes, 'where the fast path gives up, too');
  t.end();
});

t.test('a packed list is read', (t) => {
  const plain = creds_entry.encode({ uid: 1, gid: 2, euid: 3, egid: 4, suid: 5, sgid: 6, fsuid: 7, fsgid: 8, capInh: [], capPrm: [], capEff: [], capBnd: [], secbits: 9, groups: [], capAmb: [] });
  const packed = Uint8Array.from([...plain, (creds_entry.fields.find((f) => f.key === 'groups')!.no << 3) | 2, 3, 1, 0x80, 0x01]);
  t.same(creds_entry.decode(packed).groups, [1, 128]);
  t.end();
});

const good = fown_entry.encode({ uid: 1, euid: 2, signum: 3, pidType: 4, pid: 5 });
const goodVma = vma_entry.encode(vma);
const corrupt: { name: string; type: MessageType<object>; bytes: number[]; why: RegExp }[] = [
  { name: 'nothing at all', type: fown_entry, bytes: [], why: /required field uid of fown_entry is missing/ },
  { name: 'the last required field is missing', type: fown_entry, bytes: [...good.slice(0, -2)], why: /required field pid of/ },
  { name: 'a number cut short', type: fown_entry, bytes: [...good, 0x08, 0x80], why: /cut short/ },
  { name: 'a number of 11 bytes', type: fown_entry, bytes: [0x08, ...new Array<number>(10).fill(0x80), 0], why: /longer than 64 bits/ },
  { name: 'a string where a number is', type: fown_entry, bytes: [0x0a, 0], why: /field uid of fown_entry has wire type 2, not 0/ },
  { name: 'field number 0', type: fown_entry, bytes: [...good, 0x00, 0x00], why: /number 0/ },
  { name: 'a group', type: fown_entry, bytes: [...good, 0x7b], why: /wire type 3/ },
  { name: 'an unknown field beyond the end', type: fown_entry, bytes: [...good, 0x7a, 5, 1], why: /5 bytes are announced, 1 are there/ },
  { name: 'a length near 2^64', type: aa_namespace, bytes: [0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], why: /bytes are announced, 0 are there/ },
  { name: 'a VMA cut short', type: vma_entry, bytes: [...goodVma.slice(0, -1)], why: /required field fd|cut short/ },
  { name: 'a message given twice', type: eventfd_file_entry, bytes: [0x1a, good.length, ...good, 0x1a, good.length, ...good], why: /there twice/ },
];

for (const { name, type, bytes, why } of corrupt) {
  t.test(`corrupt: ${name}`, (t) => {
    t.throws(() => type.decode(Uint8Array.from(bytes)), { name: 'ImageCorrupt', code: 'image-corrupt', message: why });
    t.end();
  });
}

t.test('corrupt: nested without end', (t) => {
  let bytes = Uint8Array.of(0x0a, 0);
  for (let i = 0; i < 200; i++) bytes = Uint8Array.from([0x0a, 0, 0x1a, ...(bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7]), ...bytes]);
  t.throws(() => aa_namespace.decode(bytes), { message: /nested more than 100 deep/ });
  t.end();
});

t.test('every cut of a message is either whole or corrupt', (t) => {
  const bytes = reg_file_entry.encode({ id: 1, flags: 2, pos: 3n, fown, name: '/etc/passwd', mntId: -1, size: 1n << 40n, buildId: [] });
  for (let length = 0; length < bytes.length; length++) {
    try {
      reg_file_entry.decode(bytes.subarray(0, length));
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'image-corrupt') throw error;
    }
  }
  t.same(reg_file_entry.decode(bytes).size, 1n << 40n);
  t.end();
});

const refused: { name: string; message: object; error: RegExp }[] = [
  { name: 'a required field is missing', message: { ...vma, prot: undefined }, error: /cannot encode vma_entry: required field prot is not set/ },
  { name: 'a number for a bigint', message: { ...vma, start: 1 }, error: /cannot encode vma_entry.start: expected a bigint, got number/ },
  { name: 'a bigint for a number', message: { ...vma, prot: 1n }, error: /vma_entry.prot: expected a number, got bigint/ },
  { name: 'uint32 below 0', message: { ...vma, prot: -1 }, error: /vma_entry.prot: -1 is not an integer from 0/ },
  { name: 'uint32 too large', message: { ...vma, prot: 2 ** 32 }, error: /is not an integer/ },
  { name: 'a fraction', message: { ...vma, prot: 1.5 }, error: /is not an integer/ },
  { name: 'uint64 below 0', message: { ...vma, start: -1n }, error: /is not an unsigned 64-bit number/ },
  { name: 'uint64 too large', message: { ...vma, start: 1n << 64n }, error: /is not an unsigned 64-bit number/ },
  { name: 'sint64 too large', message: { ...vma, fd: 1n << 63n }, error: /is not a signed 64-bit number/ },
];

for (const { name, message, error } of refused) {
  t.test(`refused: ${name}`, (t) => {
    t.throws(() => vma_entry.encode(message as vma_entry), { message: error });
    t.end();
  });
}
