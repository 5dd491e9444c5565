import t from 'tap';
import { fd_types, fstype } from '../gen/index.js';
import type { file_entry, mnt_entry, unix_sk_entry } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { BYTES, STRING } from '../message/field.js';
import { edited } from '../testing/edited.js';
import { fown, tinySet } from '../testing/tiny-set.js';
import type { Edit } from './edits.js';
import { Outcome } from './report.js';
import { PathMap, below } from './path-map.js';
import { PATH_FIELDS } from './paths.js';
import { messagesIn, walkTypes } from './walk.js';

const path = (from: string, to: string): Edit => ({ edit: 'path', from, to });
const outcome = new Outcome(0, path('/a', '/b'));
const mapOf = (...pairs: [string, string][]): PathMap => new PathMap(pairs.map(([from, to]) => ({ from, to, outcome })));

const maps: { map: [string, string][]; path: string; becomes: string | undefined }[] = [
  { map: [['/srv/app', '/srv/new']], path: '/srv/app/file', becomes: '/srv/new/file' },
  { map: [['/srv/app', '/srv/new']], path: '/srv/app', becomes: '/srv/new' },
  { map: [['/srv/app', '/srv/new']], path: '/srv/apple/file', becomes: undefined },
  { map: [['/srv/app/', '/srv/new//']], path: '/srv//app/file', becomes: '/srv/new/file' },
  { map: [['/srv/app', '/srv/new']], path: '/srv/app/', becomes: '/srv/new/' },
  { map: [['/srv/app', '/srv/new']], path: 'srv/app', becomes: undefined },
  { map: [['/', '/root']], path: '/x', becomes: '/root/x' },
  { map: [['/', '/root']], path: '/', becomes: '/root' },
  { map: [['/root', '/']], path: '/root/x', becomes: '/x' },
  { map: [['/root', '/']], path: '/root', becomes: '/' },
  { map: [['/a', '/x'], ['/a/b', '/y']], path: '/a/b/c', becomes: '/y/c' },
  { map: [['/a', '/x'], ['/a/b', '/y']], path: '/a/c', becomes: '/x/c' },
  { map: [['/a', '/b'], ['/b', '/a']], path: '/a/1', becomes: '/b/1' },
  { map: [['/a', '/x'], ['/a/b', '/a/b']], path: '/a/b/c', becomes: undefined },
];
for (const { map, path: before, becomes } of maps) t.equal(mapOf(...map).map(before)?.path, becomes, `${before} by ${map.join(' ')}`);
for (const wrong of ['relative', '/a/../b', '/a\0']) t.throws(() => mapOf([wrong, '/x']), { code: 'edit-refused' }, wrong);
t.throws(() => mapOf(['/a', '/b'], ['/a/', '/c']), { code: 'edit-conflict' });
t.throws(() => mapOf(['/a', `/${'b'.repeat(4095)}`]).map('/a/c'), { code: 'edit-refused', message: /longer than 4095/ });
t.equal(below('/a/b/c', '/a'), 'b/c');
t.equal(below('/ab', '/a'), undefined);

const reg = (id: number, name: string): file_entry => ({ type: fd_types.REG, id, reg: { id, flags: 0, pos: 0n, fown, name, buildId: [] } });
const opts = { soSndbuf: 0, soRcvbuf: 0, soSndTmoSec: 0n, soSndTmoUsec: 0n, soRcvTmoSec: 0n, soRcvTmoUsec: 0n, soFilter: [] };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const unix = (id: number, name: string, more: Partial<unix_sk_entry> = {}): file_entry => ({ type: fd_types.UNIXSK, id, usk: { id, ino: id, type: 1, state: 10, flags: 2, uflags: 0, backlog: 1, peer: 0, fown, opts, name: bytes(name), moreOptions: [], pending: [], peerGroups: [], otherNames: [], ...more } });

t.test('files, executables, directories', async (t) => {
  const { set, report } = await edited(t, tinySet([{ pid: 10 }], [reg(5, '/bin/prog'), reg(6, '/binary'), reg(7, '/bin/\udcff')]), [path('/bin', '/opt/bin')]);
  t.same(set.read(IMAGE_TYPES.files).map(({ reg: file }) => file?.name), ['/opt/bin/prog', '/', '/opt/bin/prog', '/binary', '/opt/bin/\udcff']);
  t.equal(report.edits[0]!.changes, 3);
  t.match(report.edits[0]!.places, [{ file: 'files.img', object: 'reg_file_entry.name', from: '/bin/prog', to: '/opt/bin/prog', count: 2 }, {}]);
});

const sockets: { name: string; socket: [string, Partial<unix_sk_entry>?]; edits: Edit[]; becomes: [string, string?] }[] = [
  { name: 'a path, with its NUL', socket: ['/run/app/s\0'], edits: [path('/run/app', '/run/b')], becomes: ['/run/b/s\0'] },
  { name: 'an abstract name that looks like one', socket: ['\0/run/app/s'], edits: [path('/run/app', '/run/b'), path('/bin', '/opt')], becomes: ['\0/run/app/s'] },
  { name: 'a relative name in a directory that moves', socket: ['d/s\0', { nameDir: '/run/app' }], edits: [path('/run/app', '/run/b')], becomes: ['d/s\0', '/run/b'] },
  { name: 'a relative name whose own directory moves', socket: ['d/s\0', { nameDir: '/run' }], edits: [path('/run/d', '/run/longer')], becomes: ['longer/s\0', '/run'] },
  { name: 'a relative name elsewhere', socket: ['d/s\0', { nameDir: '/run' }], edits: [path('/run/e', '/x'), path('/bin', '/opt')], becomes: ['d/s\0', '/run'] },
];
for (const { name, socket, edits, becomes } of sockets) {
  t.test(`unix socket: ${name}`, async (t) => {
    const { set } = await edited(t, tinySet([{ pid: 10 }], [unix(5, ...socket)]), edits, { unmatched: 'report' });
    const usk = set.read(IMAGE_TYPES.files).find((file) => file.usk)!.usk!;
    t.same([new TextDecoder().decode(usk.name), usk.nameDir], [becomes[0], becomes[1]]);
  });
}
for (const [name, socket, edit, message] of [
  ['too long', unix(5, '/run/s\0'), path('/run', `/${'r'.repeat(120)}`), /room for 107 bytes/],
  ['out of reach of a relative name', unix(5, 'd/s\0', { nameDir: '/run' }), path('/run/d', '/srv'), /no name from \/run leads to/],
] as const) t.test(`unix socket: ${name}`, async (t) => t.rejects(edited(t, tinySet([{ pid: 10 }], [socket]), [edit]), { code: 'edit-refused', message }));

t.test('names of peers, removed sockets, queued senders, symbolic links', async (t) => {
  const source = tinySet([{ pid: 10 }], [unix(5, '', { peerName: bytes('/run/a/peer'), renamedTo: '/run/a/moved', otherNames: ['/run/a/linked', '/run/c/linked'] })]);
  const set = new ImageSet(source);
  set.write(IMAGE_TYPES.skQueues, undefined, [{ message: { idFor: 5, length: 3, scm: [], sender: bytes('/run/a/from') }, payload: bytes('abc') }]);
  set.write(IMAGE_TYPES.ghostFile, 3, [{ message: { uid: 0, gid: 0, mode: 0o120777, symlnkTarget: '/run/a/target' }, payload: new Uint8Array(0) }]);
  const after = await edited(t, source, [path('/run/a', '/run/b')]);
  const { usk } = after.set.read(IMAGE_TYPES.files).at(-1)!;
  t.same([new TextDecoder().decode(usk!.peerName), usk!.renamedTo, usk!.otherNames], ['/run/b/peer', '/run/b/moved', ['/run/b/linked', '/run/c/linked']]);
  const [packet] = after.set.read(IMAGE_TYPES.skQueues);
  t.same([new TextDecoder().decode(packet!.message.sender), new TextDecoder().decode(packet!.payload)], ['/run/b/from', 'abc']);
  t.match(after.set.read(IMAGE_TYPES.ghostFile, 3), [{ message: { symlnkTarget: '/run/b/target' } }]);
});

const mount = (mntId: number, mountpoint: string, root: string, more: Partial<mnt_entry> = {}): mnt_entry => ({ fstype: fstype.AUTO, mntId, rootDev: 1, parentMntId: 0, flags: 0, root, mountpoint, source: '/dev/sda', options: '', ...more });
async function mounts(t: Parameters<typeof edited>[0], entries: mnt_entry[], edits: Edit[]): Promise<mnt_entry[]> {
  const source = tinySet([{ pid: 10 }]);
  new ImageSet(source).write(IMAGE_TYPES.mnts, 14, entries);
  return (await edited(t, source, edits)).set.read(IMAGE_TYPES.mnts, 14);
}

t.test('mounts: where they are, what they show, their layers', async (t) => {
  const after = await mounts(t, [mount(1, '/', '/'), mount(2, '/mnt/x', '/srv/app/data'), mount(3, '/srv/app', '/', { rootDev: 2, source: 'tmpfs' }), mount(4, '/o', '/', { rootDev: 3, fstype: fstype.OVERLAYFS, options: 'rw,lowerdir=/srv/app/l1:/l2,upperdir=/srv/app/u,workdir=/srv/apple' })], [path('/srv/app', '/srv/new')]);
  t.match(after, [
    { mountpoint: '/', root: '/' },
    { mountpoint: '/mnt/x', root: '/srv/new/data' },
    { mountpoint: '/srv/new', root: '/', source: 'tmpfs' },
    { options: 'rw,lowerdir=/srv/new/l1:/l2,upperdir=/srv/new/u,workdir=/srv/apple' },
  ]);
});

t.test('mounts: a part of a file system that is itself a part', async (t) => {
  const after = await mounts(t, [mount(1, '/', '/containers/c1'), mount(2, '/bound', '/containers/c1/srv/app')], [path('/srv/app', '/opt')]);
  t.match(after, [{ root: '/containers/c1' }, { root: '/containers/c1/opt' }]);
});

t.test('mounts: what would leave its file system', async (t) => {
  await t.rejects(mounts(t, [mount(1, '/data', '/', { rootDev: 2 }), mount(2, '/bound', '/app', { rootDev: 2 }), mount(3, '/', '/')], [path('/data/app', '/elsewhere')]), { code: 'edit-refused', message: /mount 2 \(\/bound\).*outside of the file system at \/data/ });
});

t.test('nothing is so', async (t) => t.rejects(edited(t, tinySet([{ pid: 10 }]), [path('/nowhere', '/x')]), { code: 'edit-unmatched' }));

/** Fields whose names sound like paths, and that are none: names of other things, or paths that no file system resolves. */
const NO_PATHS = ['aa_policy.name', 'aa_namespace.name', 'binfmt_misc_entry.name', 'cgroup_prop_entry.name', 'cg_member_entry.name', 'cg_member_entry.path', 'cgroup_dir_entry.dirName', 'cg_controller_entry.cnames', 'bpfmap_file_entry.mapName', 'memfd_inode_entry.name', 'mnt_entry.fsname', 'net_device_entry.name', 'inet_sk_entry.ifname', 'utsns_entry.nodename', 'utsns_entry.domainname', 'multicast_entry.sources', 'vma_entry.anonName'];
const BY_RULES = ['mnt_entry.root', 'mnt_entry.mountpoint', 'mnt_entry.source', 'mnt_entry.options', 'unix_sk_entry.name', 'unix_sk_entry.nameDir', 'unix_sk_entry.peerName', 'unix_sk_entry.renamedTo', 'unix_sk_entry.otherNames', 'sk_packet_entry.sender'];

t.test('every field of every image that may be a path is known', async (t) => {
  const known = new Set([...Object.entries(PATH_FIELDS).flatMap(([name, keys]) => keys.map((key) => `${name}.${key}`)), ...BY_RULES, ...NO_PATHS]);
  const found = new Set<string>();
  for (const type of Object.values(IMAGE_TYPES)) {
    for (const message of walkTypes(type as never)) {
      for (const { key, type: fieldType } of message.fields) {
        if ((fieldType === STRING || fieldType === BYTES) && /path|name|dir|root|mountpoint|source|target|interpreter|options|sender|renamed/i.test(key)) found.add(`${message.name}.${key}`);
      }
    }
  }
  t.same([...found].filter((field) => !known.has(field)), []);
  t.same([...known].filter((field) => !found.has(field)), [], 'and no other');
  t.ok(messagesIn(IMAGE_TYPES.files as never).has('reg_file_entry'));
});
