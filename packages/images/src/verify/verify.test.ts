import t from 'tap';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { fd_types } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { MemoryDirectory } from '../io/directory.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import { compressPages } from '../pages/compress.js';
import { unpackCorpus } from '../testing/fixtures.js';
import { at, fown, page, pages, tinySet, vma, writePages } from '../testing/tiny-set.js';
import { levelOf } from './finding.js';
import type { Finding } from './finding.js';
import { junitOf, sarifOf } from './formats.js';
import { policyOf } from './policy.js';
import type { Policy } from './policy.js';
import { verifyCheckpoint } from './verify.js';

const vmas = [vma(0, 4, VMA.anonPrivate), vma(6, 2, VMA.filePrivate, { shmid: 1n, prot: 5 })];
const good = { pid: 10, threads: [12], vmas, rows: [[0, 2, PE_PRESENT]] as const, contents: pages(page('a'), page('b')), fds: [{ fd: 0, id: 1, type: fd_types.REG }] };
const whole = (): MemoryDirectory => tinySet([good, { pid: 11, ppid: 10, state: 6 }]);

async function verify(set: MemoryDirectory, policy?: Policy): Promise<Finding[]> {
  using checkpoint = await openCheckpoint(set);
  return await verifyCheckpoint(checkpoint, { policy });
}

t.test('a whole checkpoint has no findings', async (t) => {
  t.same(await verify(whole()), []);
});

t.test('nor one of processes that share their memory', async (t) => {
  t.same(await verify(tinySet([good, { pid: 11, ppid: 10, sharesMemoryWith: 10 }, { pid: 13, ppid: 11, sharesMemoryWith: 10 }])), []);
});

const damages: { name: string; damage: (set: MemoryDirectory) => void | Promise<void>; rule: string; message: RegExp }[] = [
  { name: 'no inventory', damage: (set) => set.remove('inventory.img'), rule: 'missing-image', message: /inventory.img: there is no such file/ },
  { name: 'an unknown version', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.inventory, undefined, [{ imgVersion: 77 }]), rule: 'unknown-version', message: /version 77/ },
  { name: 'an image cut short', damage: (set) => void set.files.set('files.img', set.files.get('files.img')!.subarray(0, -3)), rule: 'damaged-image', message: /files.img at byte \d+/ },
  { name: 'an image of another kind', damage: (set) => void set.files.set('fs-10.img', set.files.get('files.img')!), rule: 'damaged-image', message: /fs-10.img at byte 4: the word/ },
  { name: 'a strange file', damage: (set) => void set.files.set('virus.exe', new Uint8Array(3)), rule: 'unknown-file', message: /virus.exe/ },
  { name: 'no core of a thread', damage: (set) => set.remove('core-12.img'), rule: 'missing-image', message: /core-12.img: there is no such file/ },
  { name: 'no process', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.pstree, undefined, []), rule: 'broken-tree', message: /no process/ },
  { name: 'a parent that is not there', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.pstree, undefined, [{ pid: 10, ppid: 9, pgid: 10, sid: 10, threads: [10] }]), rule: 'broken-tree', message: /parent 9/ },
  { name: 'a descriptor of no file', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.fdinfo, 10, [{ id: 50, flags: 0, type: fd_types.REG, fd: 3 }]), rule: 'dangling-reference', message: /descriptor 3 of process 10 is file 50/ },
  { name: 'a descriptor of another type', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.fdinfo, 10, [{ id: 1, flags: 0, type: fd_types.PIPE, fd: 3 }]), rule: 'dangling-reference', message: /type 2, its file 1 of type 1/ },
  { name: 'a descriptor twice', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.fdinfo, 10, [1, 1].map(() => ({ id: 1, flags: 0, type: fd_types.REG, fd: 3 }))), rule: 'dangling-reference', message: /descriptor 3 .* twice/ },
  { name: 'no memory', damage: (set) => set.remove('mm-10.img'), rule: 'missing-image', message: /mm-10.img: there is no such file/ },
  { name: 'no descriptors', damage: (set) => set.remove('fdinfo-10.img'), rule: 'missing-image', message: /descriptors of process 10 are missing/ },
  { name: 'a directory that is no file', damage: (set) => new ImageSet(set).write(IMAGE_TYPES.fs, 10, [{ cwdId: 8, rootId: 2 }]), rule: 'dangling-reference', message: /working directory of process 10 is file 8/ },
  { name: 'no pages', damage: (set) => set.remove('pages-10.img'), rule: 'missing-pages', message: /pages-10.img/ },
  { name: 'fewer pages', damage: (set) => void set.files.set('pages-10.img', page('a')), rule: 'missing-pages', message: /tells of 8192 bytes of pages, there are 4096/ },
  { name: 'more pages', damage: (set) => void set.files.set('pages-10.img', new Uint8Array(5 * 4096)), rule: 'surplus-pages', message: /there are 20480/ },
  { name: 'pages outside of mappings', damage: (set) => writePages(new ImageSet(set), 'pagemap', 10, 10, [[at(3), 2, PE_PRESENT]], pages(page('a'), page('b'))), rule: 'broken-memory', message: /pages at 104000 of process 10 lie in no mapping/ },
  { name: 'pages of a parent that is not there', damage: (set) => writePages(new ImageSet(set), 'pagemap', 10, 10, [[at(0), 1, PE_PARENT]], new Uint8Array(0)), rule: 'missing-pages', message: /should be with a parent/ },
  {
    name: 'pages that changed',
    damage: async (set) => {
      await compressPages(set, 10, { checksum: true });
      set.files.set('pages-10.img', pages(page('a'), page('x')));
    },
    rule: 'damaged-pages',
    message: /its checksum is wrong/,
  },
];
for (const { name, damage, rule, message } of damages) {
  t.test(`damage: ${name}`, async (t) => {
    const set = whole();
    await damage(set);
    const findings = await verify(set);
    const found = findings.filter((finding) => finding.rule === rule && message.test(finding.message));
    t.equal(found.length, 1, JSON.stringify(findings));
  });
}

const policies: { name: string; policy: Policy; found: [string, RegExp][] }[] = [
  { name: 'nothing is asked', policy: {}, found: [] },
  { name: 'all of it allowed', policy: { uids: [1000], allowRoot: false, capabilities: ['chown', 'net_raw'], allowSetuid: false, executables: ['/bin/*'], paths: ['/', '/bin/**', '/tmp/*'] }, found: [['policy-setuid', /\/tmp\/suid is setuid/]] },
  { name: 'another user', policy: { uids: [0] }, found: [['policy-uid', /process 10 \(prog\) is user 1000/], ['policy-uid', /thread 12/]] },
  { name: 'fewer capabilities', policy: { capabilities: ['chown'] }, found: [['policy-capability', /process 10 .* has net_raw/], ['policy-capability', /thread 12/]] },
  { name: 'another program', policy: { executables: ['/usr/bin/*'] }, found: [['policy-executable', /runs code of \/bin\/prog/]] },
  { name: '* is no directory', policy: { paths: ['/*'] }, found: [['policy-path', /\/bin\/prog/], ['policy-path', /\/tmp\/suid/]] },
];
for (const { name, policy, found } of policies) {
  t.test(`policy: ${name}`, async (t) => {
    const set = tinySet([good], [{ id: 9, type: fd_types.REG, reg: { id: 9, flags: 0, pos: 0n, fown, name: '/tmp/suid', mode: 0o104755, buildId: [] } }]);
    const findings = await verify(set, policy);
    t.equal(findings.length, found.length, JSON.stringify(findings));
    for (const [rule, message] of found) t.ok(findings.some((finding) => finding.rule === rule && message.test(finding.message)), `${rule}: ${String(message)}`);
    t.ok(findings.every((finding) => levelOf(finding) === 'policy'));
  });
}

t.test('a path that climbs is allowed by no pattern', async (t) => {
  const set = tinySet([good], [{ id: 9, type: fd_types.REG, reg: { id: 9, flags: 0, pos: 0n, fown, name: '/srv/../etc/shadow', buildId: [] } }]);
  t.match(await verify(set, { paths: ['/', '/bin/*', '/srv/**'] }), [{ rule: 'policy-path', message: /etc\/shadow/ }]);
});

t.test('a policy that could not be applied does not pass', async (t) => {
  const set = whole();
  set.files.set('files.img', new Uint8Array(3));
  t.ok((await verify(set, { uids: [1000] })).some((finding) => finding.message.startsWith('the policy could not be applied')));
});

for (const [text, error] of [['{"uid": [1]}', /policy.uid: a policy has/], ['{"uids": 1}', /list of numbers/], ['{"paths": [1]}', /list of texts/], ['{"allowRoot": "no"}', /true or false/], ['[]', /expected an object/]] as const) {
  t.throws(() => policyOf(JSON.parse(text) as never), { message: error }, text);
}

t.test('SARIF and JUnit', async (t) => {
  const findings: Finding[] = [{ rule: 'policy-uid', message: 'process 1 is <root>', pid: 1 }, { rule: 'unknown-file', message: 'a\x01b', file: 'a b' }];
  const sarif = sarifOf(findings, '1.0') as { runs: { tool: { driver: { rules: { id: string }[] } }; results: { ruleId: string; ruleIndex: number; level: string; locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }[] }[] };
  const [run] = sarif.runs;
  t.same(run!.results.map(({ ruleId, level }) => [ruleId, level]), [['policy-uid', 'error'], ['unknown-file', 'warning']]);
  t.ok(run!.results.every(({ ruleId, ruleIndex }) => run!.tool.driver.rules[ruleIndex]!.id === ruleId));
  t.equal(run!.results[1]!.locations[0]!.physicalLocation.artifactLocation.uri, 'a%20b');
  const junit = junitOf(findings, 'x', { policy: true, host: false });
  t.match(junit, /^<\?xml.*\n<testsuite name="x" tests="15" failures="1">/);
  t.match(junit, /policy-uid.*<failure message="process 1 is &lt;root&gt;">/);
  t.match(junit, /unknown-file.*<system-out>a b: a\?b<\/system-out>/);
});

const corpus = unpackCorpus();
t.teardown(() => corpus[Symbol.dispose]());
t.test('what CRIU dumped is whole, but for what the fixtures leave out', { skip: corpus.skip }, async (t) => {
  // Pages, and files above 200 kB.
  const LEFT_OUT = new Set(['fd: fdinfo-4.img', 'file_attr: ghost-file-1.img', 'ghost_multi_hole01: ghost-file-1.img', 'unlink_largefile: ghost-file-1.img']);
  const wrong: string[] = [];
  for (const set of corpus.sets) {
    const checkpoint = await openCheckpoint(path.join(corpus.path, set));
    for (const { rule, message, file } of await verifyCheckpoint(checkpoint)) {
      if (rule === 'missing-pages' && /pages-\d+\.img: there is no such file/.test(message)) continue;
      if (!LEFT_OUT.has(`${set}: ${file}`) && !(rule === 'missing-image' && /^tcp-stream/.test(file ?? '') && set.startsWith('socket-tcpbuf'))) wrong.push(`${set}: ${rule} ${message}`);
    }
    checkpoint[Symbol.dispose]();
  }
  t.same(wrong, []);
  t.ok(readdirSync(corpus.path).length > 189);
});
