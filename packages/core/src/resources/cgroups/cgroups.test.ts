import t from 'tap';
import type { cgroup_dir_entry, cgroup_entry } from '@criu-ts/images';
import { propertyValue } from './capture.js';
import { newRootOf } from './options.js';
import { parseProperties, propertyTable } from './properties.js';
import { rewriteRoot } from './rewrite.js';

t.test('rules of --cgroup-props', async (t) => {
  const rows = [
    { text: '', rules: [] },
    { text: ' \n', rules: [] },
    { text: '"cpu": - "strategy": "replace" - "properties": ["cpu.shares"]', rules: [{ controller: 'cpu', strategy: 'replace', properties: ['cpu.shares'] }] },
    { text: '"cpu":\n - "strategy": "merge"\n - "properties": [ "a", "b" ]\n"":\n - "strategy": "merge"\n - "properties": [ ]\n', rules: [{ controller: 'cpu', strategy: 'merge', properties: ['a', 'b'] }, { controller: '', strategy: 'merge', properties: [] }] },
  ];
  for (const { text, rules } of rows) t.same(parseProperties(text), rules, JSON.stringify(text));
  for (const text of ['cpu', '"cpu": []', '"cpu": - "strategy": "other" - "properties": []', '"cpu": - "strategy": "merge" - "properties": ["a"', `${rows[2]?.text} x`]) {
    t.throws(() => parseProperties(text), { code: 'unsupported-option' }, text);
  }
});

t.test('tables that rules make', async (t) => {
  const merged = propertyTable({ cgroupProps: ['"pids": - "strategy": "merge" - "properties": ["pids.other"]', '"": - "strategy": "merge" - "properties": ["memory.max"]'] });
  t.same(merged.get('pids'), ['pids.max', 'pids.other']);
  t.same(merged.get(''), ['memory.max']);
  t.same(propertyTable({ cgroupProps: ['"pids": - "strategy": "replace" - "properties": ["pids.other"]'] }).get('pids'), ['pids.other']);
  t.ok((propertyTable({}).get('memory')?.indexOf('memory.limit_in_bytes') ?? 9) < (propertyTable({}).get('memory')?.indexOf('memory.memsw.limit_in_bytes') ?? 0), 'the lower limit comes first');
});

t.test('values', async (t) => {
  for (const [text, value] of [['1024\n', '1024'], ['max\n', 'max'], ['', ''], ['9223372036854775807\n', '-1'], ['18446744073709551615\n', '-1'], ['9223372036854771712\n', '9223372036854771712'], ['a *:* rwm\nb 1:3 r\n', 'a *:* rwm\nb 1:3 r']] as const) {
    t.equal(propertyValue(text), value, JSON.stringify(text));
  }
});

t.test('which new root a hierarchy has', async (t) => {
  const cgroupRoots = [{ path: '/all' }, { controller: 'cpu', path: '/one' }, { controller: 'systemd', path: '/sd' }, { controller: '', path: '/v2' }];
  for (const [names, root] of [[['cpu', 'cpuacct'], '/one'], [['memory'], '/all'], [['name=systemd'], '/sd'], [[''], '/v2']] as const) t.equal(newRootOf({ cgroupRoots }, names), root, names.join());
  t.equal(newRootOf({}, ['cpu']), undefined);
});

t.test('another root', async (t) => {
  const dir = (dirName: string): cgroup_dir_entry => ({ dirName, children: [], properties: [] });
  const rows = [
    { name: 'of a cgroup', dirs: ['a/b'], paths: ['/a/b', '/a/b/c'], moved: ['/x', '/x/c'], to: ['x'] },
    { name: 'of one that only begins the same', dirs: ['a'], paths: ['/ab', '/a'], moved: ['/ab', '/x'], to: ['x'] },
    { name: 'of the root itself', dirs: [''], paths: ['/', '/a'], moved: ['/x', '/x/a'], to: ['x'] },
  ];
  for (const { name, dirs, paths, moved, to } of rows) {
    const image: cgroup_entry = { sets: paths.map((path, i) => ({ id: i + 2, ctls: [{ name: 'cpu', path }, { name: 'pids', path }] })), controllers: [] };
    t.same(rewriteRoot(image, ['cpu'], dirs.map(dir), '/x').map(({ dirName }) => dirName), to, name);
    t.same(image.sets.map(({ ctls }) => ctls[0]?.path), moved, name);
    t.same(image.sets.map(({ ctls }) => ctls[1]?.path), paths, `${name}: other hierarchies stay`);
  }
});
