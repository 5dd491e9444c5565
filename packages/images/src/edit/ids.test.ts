import t from 'tap';
import { fd_types, fstype } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { MemoryDirectory } from '../io/directory.js';
import { edited } from '../testing/edited.js';
import { fown, tinySet } from '../testing/tiny-set.js';
import type { Edit } from './edits.js';
import { ID_FIELDS } from './ids.js';
import { walkTypes } from './walk.js';

const uid = (from: number, to: number): Edit => ({ edit: 'uid', from, to });
const gid = (from: number, to: number): Edit => ({ edit: 'gid', from, to });
const reg = { type: fd_types.REG, id: 5, reg: { id: 5, flags: 0, pos: 0n, fown: { ...fown, uid: 1000, euid: 1000 }, name: '/x', buildId: [] } };
const source = (): MemoryDirectory => tinySet([{ pid: 10, threads: [12] }, { pid: 11, ppid: 10, state: 6 }], [reg]);

t.test('credentials of all threads, owners of signals', async (t) => {
  const { set, report } = await edited(t, source(), [uid(1000, 2000), gid(100, 200), gid(24, 25)]);
  for (const tid of [10, 12]) t.match(set.readOne(IMAGE_TYPES.core, tid).threadCore!.creds, { uid: 2000, euid: 2000, suid: 2000, fsuid: 2000, gid: 200, egid: 200, sgid: 200, fsgid: 200, groups: [4, 25], capEff: [0x2001, 0] });
  t.match(set.read(IMAGE_TYPES.files).at(-1), { reg: { fown: { uid: 2000, euid: 2000 } } });
  t.equal(report.edits[0]!.changes, 3 * 4 + 2);
  t.match(report.edits[2]!.places, [{ file: 'core-10.img', object: 'creds_entry.groups', from: '24', to: '25' }, {}, {}]);
  t.match(report.notes, [/owners of files on disk/]);
});

t.test('two that change places, and root', async (t) => {
  const { set, report } = await edited(t, source(), [uid(1000, 0), uid(0, 1000)]);
  t.match(set.readOne(IMAGE_TYPES.core, 10).threadCore!.creds, { uid: 0 });
  t.match(set.read(IMAGE_TYPES.files).map(({ reg: file }) => file?.fown.uid), [1000, 1000, 0]);
  t.ok(report.notes.some((note) => note.startsWith('capabilities')));
});

t.test('ghost files, segments, mounts', async (t) => {
  const images = source();
  const set = new ImageSet(images);
  set.write(IMAGE_TYPES.ghostFile, 1, [{ message: { uid: 1000, gid: 100, mode: 0o100600, chunks: true, size: 9000n } }, { message: { len: 5n, off: 4096n }, payload: new TextEncoder().encode('chunk') }]);
  set.write(IMAGE_TYPES.ipcnsShm, 5, [{ message: { desc: { key: 1, uid: 1000, gid: 100, cuid: 1000, cgid: 7, mode: 0o600, id: 3 }, size: 6n }, payload: new TextEncoder().encode('shared') }]);
  set.write(IMAGE_TYPES.mnts, 14, [{ fstype: fstype.TMPFS, mntId: 1, rootDev: 1, parentMntId: 0, flags: 0, root: '/', mountpoint: '/t', source: 'tmpfs', options: 'size=1k,uid=1000,gid=100,resuid=1000' }]);
  const after = await edited(t, images, [uid(1000, 1), gid(100, 2)]);
  t.match(after.set.read(IMAGE_TYPES.ghostFile, 1), [{ message: { uid: 1, gid: 2, mode: 0o100600 } }, { payload: new TextEncoder().encode('chunk') }]);
  t.match(after.set.read(IMAGE_TYPES.ipcnsShm, 5), [{ message: { desc: { uid: 1, gid: 2, cuid: 1, cgid: 7 } }, payload: new TextEncoder().encode('shared') }]);
  t.equal(after.set.read(IMAGE_TYPES.mnts, 14)[0]!.options, 'size=1k,uid=1,gid=2,resuid=1000');
});

t.test('user namespaces: their maps are told, and must have the new id', async (t) => {
  const images = source();
  new ImageSet(images).write(IMAGE_TYPES.userns, 9, [{ uidMap: [{ first: 0, lowerFirst: 100_000, count: 3000 }], gidMap: [] }]);
  const { report } = await edited(t, images, [uid(1000, 2999)]);
  t.ok(report.notes.some((note) => note.includes('uids 0-2999 are 100000-102999 outside')), report.notes.join('\n'));
  await t.rejects(edited(t, images, [uid(1000, 3000)]), { code: 'edit-refused', message: /uid 3000: the map of user namespace 9/ });
});

for (const [name, edits, code] of [
  ['nobody is this user', [uid(77, 78)], 'edit-unmatched'],
  ['nobody is this user, but in this group', [gid(100, 5), uid(77, 78)], 'edit-unmatched'],
  ['twice', [uid(1000, 1), uid(1000, 2)], 'edit-conflict'],
  ['-1', [uid(1000, 0xffff_ffff)], 'edit-refused'],
  ['half a user', [uid(1000, 1.5)], 'edit-refused'],
  ['the same', [uid(1000, 1000)], 'edit-refused'],
] as const) t.test(`refused: ${name}`, async (t) => t.rejects(edited(t, source(), [...edits]), { code }));

t.test('every field of every image that is a user or a group is known', async (t) => {
  for (const kind of ['uid', 'gid'] as const) {
    const known = new Set(Object.entries(ID_FIELDS[kind]).flatMap(([name, keys]) => keys.map((key) => `${name}.${key}`)));
    const sound = kind === 'uid' ? /(uid|Uid)$|^owner$/ : /(gid|Gid)$|^groups?$|Groups$/;
    // Groups of processes, multicast groups of netlink, which are no users' groups.
    const others = ['pstree_entry.pgid', 'netlink_sk_entry.groups', 'multicast_entry.group'];
    const found = new Set<string>();
    for (const type of Object.values(IMAGE_TYPES)) for (const message of walkTypes(type as never)) for (const { key } of message.fields) if (sound.test(key)) found.add(`${message.name}.${key}`);
    t.same([...found].filter((field) => !known.has(field) && !others.includes(field)), [], kind);
    t.same([...known].filter((field) => !found.has(field)), [], `${kind}, and no other`);
  }
});

t.test('the host’s name', async (t) => {
  const images = source();
  const set = new ImageSet(images);
  await t.rejects(edited(t, images, [{ edit: 'hostname', name: 'new' }]), { code: 'edit-unmatched', message: /no UTS namespace of their own/ });
  set.write(IMAGE_TYPES.utsns, 11, [{ nodename: 'old', domainname: 'd' }]);
  const { set: after, report } = await edited(t, images, [{ edit: 'hostname', name: 'new.example' }]);
  t.same(after.read(IMAGE_TYPES.utsns, 11), [{ nodename: 'new.example', domainname: 'd' }]);
  t.match(report.edits, [{ changes: 1, places: [{ file: 'utsns-11.img', from: 'old', to: 'new.example' }] }]);
  for (const name of ['', 'x'.repeat(65), 'a\0b']) await t.rejects(edited(t, images, [{ edit: 'hostname', name }]), { code: 'edit-refused' });
  await t.rejects(edited(t, images, [{ edit: 'hostname', name: 'a' }, { edit: 'hostname', name: 'b' }]), { code: 'edit-conflict' });
});
