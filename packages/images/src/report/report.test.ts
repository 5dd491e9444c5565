import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { fd_types, nd_type } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_PRESENT } from '../pagemap/pagemap.js';
import { NO_CHROMIUM, Page } from '../testing/chromium.js';
import { unpackCorpus } from '../testing/fixtures.js';
import { violations } from '../testing/schema.js';
import { RAW_IMAGES, rawImage } from '../testing/raw-images.js';
import { PAGE, at, fown, page, tinySet, vma } from '../testing/tiny-set.js';
import { versionIn } from '../views/origin.js';
import { htmlOf } from './html.js';
import { reportOf, withHost } from './report.js';
import type { Report } from './report.js';
import { INSPECT_SCHEMA } from './schema.js';
import { textOf } from './text.js';
import { commandText, sizeText, timeText } from './units.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-report-'));
t.teardown(() => rmSync(scratch, { recursive: true }));

const EVIL = '</script><img src=x onerror="document.title=1">\x1b[2J';

/** A server, its worker with hostile names, and a zombie. */
function sample(): ReturnType<typeof tinySet> {
  const contents = page('\0');
  contents.set(new TextEncoder().encode('server\0--name\0two words\0PATH=/bin\0SECRET=x\0'));
  const mm = { mmArgStart: at(0), mmArgEnd: at(0) + 24n, mmEnvStart: at(0) + 24n, mmEnvEnd: at(0) + 43n };
  const vmas = [vma(0, 4, VMA.anonPrivate | VMA.stack), vma(8, 16, VMA.filePrivate, { shmid: 1n, prot: 5 })];
  const sk = { family: 2, type: 1, proto: 6, flags: 2, backlog: 5, fown, opts: {} as never, moreOptions: [], multicast: [] };
  return tinySet(
    [
      { pid: 10, comm: 'server', threads: [12], vmas, rows: [[0, 1, PE_PRESENT]], contents, mm, fds: [{ fd: 3, id: 5, type: fd_types.INETSK }, { fd: 0, id: 6, type: fd_types.REG, flags: 1 }, { fd: 9, id: 99, type: fd_types.PIPE }] },
      { pid: 11, ppid: 10, comm: EVIL.slice(0, 15), vmas, rows: [[0, 1, PE_PRESENT]], contents, mm },
      { pid: 13, ppid: 11, comm: 'gone', state: 6 },
      { pid: 14, ppid: 10, comm: 'broken' },
    ],
    [
      { id: 5, type: fd_types.INETSK, isk: { ...sk, id: 5, ino: 77, state: 10, srcPort: 8080, dstPort: 0, srcAddr: [0x0100007f], dstAddr: [0], opts: { soSndbuf: 1, soRcvbuf: 1, soSndTmoSec: 0n, soSndTmoUsec: 0n, soRcvTmoSec: 0n, soRcvTmoUsec: 0n } as never } },
      { id: 6, type: fd_types.REG, reg: { id: 6, flags: 1, pos: 0n, fown, name: `/tmp/${EVIL}`, buildId: [] } },
    ],
  );
}

async function sampleReport(): Promise<Report> {
  using checkpoint = await openCheckpoint(sample());
  return await reportOf(checkpoint);
}

t.test('a report', async (t) => {
  const report = await sampleReport();
  t.same(violations(JSON.parse(JSON.stringify(report)), INSPECT_SCHEMA), []);
  t.match(report.totals, { processes: 4, threads: 4, descriptors: 3, mapped: 40 * PAGE, dumped: 2 * PAGE, inherited: 0 });
  const [server, , gone] = report.processes;
  t.match(server, { pid: 10, name: 'server', state: 'running', command: ['server', '--name', 'two words'], executable: '/bin/prog', workingDirectory: '/', environment: ['PATH', 'SECRET'], credentials: { uid: 1000, gid: 100, noNewPrivileges: false } });
  t.same(server!.credentials!.capabilities, ['chown', 'net_raw']);
  t.match(server!.descriptors, [{ fd: 0, kind: 'regular', flags: 'w', closeOnExec: true }, { fd: 3, kind: 'tcp', name: '127.0.0.1:8080 listen' }, { fd: 9, kind: 'missing' }]);
  t.same(server!.memory.kinds.map(({ kind, dumped }) => [kind, dumped]), [['stack', PAGE], ['code', 0]]);
  t.match(gone, { state: 'zombie', threads: [], descriptors: [], memory: { mapped: 0 } });
  t.match(report.sockets, [{ protocol: 'tcp', state: 'listen', local: '127.0.0.1:8080', remote: '', owners: [{ pid: 10, fd: 3 }] }]);
});

t.test('network, tmpfs, where it comes from', async (t) => {
  const set = sample();
  const images = new ImageSet(set);
  const device = { mtu: 1500, flags: 1, conf: [], conf4: [], conf6: [] };
  images.write(IMAGE_TYPES.netdev, 9, [{ ...device, type: nd_type.LOOPBACK, ifindex: 1, name: 'lo' }, { ...device, type: nd_type.VETH, ifindex: 3, name: 'eth0', address: Uint8Array.of(2, 0, 0, 0, 0, 255) }]);
  for (const name of Object.keys(RAW_IMAGES)) set.files.set(name, rawImage(name));
  using checkpoint = await openCheckpoint(set);
  const report = await reportOf(checkpoint);
  t.same(violations(JSON.parse(JSON.stringify(report)), INSPECT_SCHEMA), []);
  const [network] = report.networks;
  t.match(network!.devices, [{ name: 'lo', kind: 'loopback', addresses: ['127.0.0.1/8', '::1/128'] }, { name: 'eth0', kind: 'veth', hardware: '02:00:00:00:00:ff', addresses: ['10.1.2.3/24', 'fd00::5/64', /^fe80::/] }]);
  t.match(network!.routes.slice(0, 3), ['default nexthop via 10.1.2.1 dev eth0 weight 2 nexthop via 10.1.2.4 dev eth0 weight 1', '10.1.2.0/24 dev eth0', '192.168.0.0/16 via 10.1.2.1 dev eth0 metric 7']);
  t.equal(new Set(network!.routes).size, network!.routes.length);
  t.match(network!.rules, ['0: from all lookup local', '499: from all fwmark 5/255 iif d0 lookup 88', '500: from 10.0.0.0/8 lookup 77']);
  t.match(network!.connections[1], /^tcp 127\.0\.0\.1:\d+ → 127\.0\.0\.1:5555$/);
  t.equal(network!.firewall[0]!.kind, 'iptables');
  t.match(report.archives, [{ file: 'tmpfs-dev-9.tar.gz.img' }]);
  t.equal(report.archives[0]!.members.length, 6);
  const text = [...textOf({ ...report, dumpedAt: '2026-01-02T03:04:05.000Z', kernel: '6.18.1' }, { all: true, now: Date.parse('2026-01-02T06:10:00Z') })].join('\n');
  t.match(text, /^dumped 2026-01-02 03:04 UTC, 3 hours ago, on Linux 6\.18\.1, 0 minutes after/m);
  t.match(text, /^network 9\n {2}lo loopback {2}127\.0\.0\.1\/8 ::1\/128\n {2}eth0 veth 02:00:00:00:00:ff {2}10\.1\.2\.3\/24/m);
  t.match(text, /^tmpfs-dev-9\.tar\.gz\.img: 6 members$/m);
  set.files.set('tmpfs-dev-9.tar.gz.img', Uint8Array.of(1, 2, 3));
  using damaged = await openCheckpoint(set);
  t.match((await reportOf(damaged)).problems, [/tmpfs-dev-9\.tar\.gz\.img: it is no whole gzip stream/]);
});

t.test('what a host says', async (t) => {
  const report = await sampleReport();
  const told = withHost(report, [{ severity: 'warning', code: 'warning', message: 'lost' }, { severity: 'obstacle', code: 'host-pid-taken', message: 'taken', hint: `end it ${EVIL}`, task: { pid: 1 } }]);
  t.same(violations(JSON.parse(JSON.stringify(told)), INSPECT_SCHEMA), []);
  t.equal(told.host!.possible, false);
  t.match([...textOf(told)].join('\n'), /^would not be restored here: 1 obstacle\n {2}warning: lost\n {2}taken\n {4}do: {2}end it .*\\x1b/m);
  t.match([...textOf(withHost(report, []))].join('\n'), /^could be restored here now$/m);
});

t.test('the kernel that dumped it', (t) => {
  const elf = new Uint8Array(256);
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setBigUint64(32, 64n, true);
  [56, 1].forEach((value, i) => view.setUint16(54 + 2 * i, value, true));
  view.setUint32(64, 4, true);
  view.setBigUint64(64 + 8, 128n, true);
  view.setBigUint64(64 + 32, 24n, true);
  [6, 4, 0].forEach((value, i) => view.setUint32(128 + 4 * i, value, true));
  elf.set(new TextEncoder().encode('Linux\0'), 140);
  view.setUint32(148, (6 << 16) | (18 << 8) | 1, true);
  t.equal(versionIn(elf), '6.18.1');
  for (let at = 0; at < elf.length; at++) for (const value of [0xff, 0x80]) versionIn(Uint8Array.from(elf, (byte, i) => (i === at ? value : byte)));
  for (let length = 0; length < elf.length; length++) versionIn(elf.subarray(0, length));
  t.pass('damage throws nothing');
  t.end();
});

t.test('damage is told, and the rest is shown', async (t) => {
  const set = sample();
  set.files.set('pages-11.img', new Uint8Array(5));
  set.files.delete('fdinfo-10.img');
  set.files.set('pagemap-14.img', new Uint8Array(5));
  using checkpoint = await openCheckpoint(set);
  const report = await reportOf(checkpoint);
  t.ok(report.problems.some((problem) => problem.includes('pages-11.img')), report.problems.join('\n'));
  t.ok(report.problems.some((problem) => problem.includes('pagemap-14.img')));
  t.equal(report.processes.length, 4);
  t.same(violations(JSON.parse(JSON.stringify(report)), INSPECT_SCHEMA), []);
});

t.test('memory that two processes share is counted once', async (t) => {
  const vmas = [vma(0, 4, VMA.anonPrivate)];
  using checkpoint = await openCheckpoint(tinySet([{ pid: 10, vmas, rows: [[0, 1, PE_PRESENT]], contents: page('a') }, { pid: 11, ppid: 10, sharesMemoryWith: 10 }]));
  const report = await reportOf(checkpoint);
  t.same(violations(JSON.parse(JSON.stringify(report)), INSPECT_SCHEMA), []);
  t.match(report.totals, { mapped: 4 * PAGE, dumped: PAGE });
  t.match(report.processes, [{ memory: { mapped: 4 * PAGE } }, { sharesMemoryWith: 10, memory: { mapped: 4 * PAGE } }]);
  t.match([...textOf(report)].join('\n'), /memory +that of 10/);
});

t.test('text', async (t) => {
  const report = await sampleReport();
  const text = [...textOf(report)].join('\n');
  t.match(text, /^10 server {2}server --name 'two words'$/m);
  t.match(text, /^├─ 11 .*\n(?:│.*\n)+│ {2}└─ 13 gone zombie/m);
  t.match(text, /^└─ 14 broken/m);
  t.match(text, /tcp +listen +127\.0\.0\.1:8080 +10:3/);
  t.notOk(text.includes('\x1b'), 'no image makes a terminal do anything');
  t.ok([...textOf(report, { columns: 60 })].every((line) => line.length <= 80), 'cut to the terminal');
  t.match([...textOf(report, { all: true })].join('\n'), /100000-104000 rw-p stack/);
});

t.test('sizes, times, commands', (t) => {
  t.same([0, 1023, 1024, 1536, 10 * 2 ** 20, 2 ** 40].map(sizeText), ['0 B', '1023 B', '1 KiB', '1.5 KiB', '10 MiB', '1 TiB']);
  t.same([5, 1500, 2_500_000].map(timeText), ['5 µs', '1.5 ms', '2.5 s']);
  t.equal(commandText(['a', "it's", '', '\x1b']), `a 'it'\\''s' '' '\\x1b'`);
  t.end();
});

t.test('the page, in a browser', { skip: NO_CHROMIUM, timeout: 120_000 }, async (t) => {
  const file = path.join(scratch, 'report.html');
  const report = await sampleReport();
  writeFileSync(file, await htmlOf({ ...withHost(report, [{ severity: 'obstacle', code: 'host-pid-taken', message: EVIL }]), statistics: { dump: { freezingTime: 100, frozenTime: 5000, memdumpTime: 1000, memwriteTime: 2000 } } }));
  await using browser = await Page.open(file);
  t.equal(await browser.evaluate('document.body.dataset.ready'), 'yes', 'its script ran');
  t.equal(await browser.evaluate('document.querySelectorAll("img").length'), 0, 'and no other');
  t.equal(await browser.evaluate('document.querySelectorAll("details.process").length'), 4);
  t.equal(await browser.evaluate('document.querySelectorAll(".map i").length'), 4);
  t.ok(await browser.evaluate('[...document.querySelectorAll(".map i")].every((part) => part.getBoundingClientRect().width >= 1)'), 'the picture can be seen');
  t.match(await browser.evaluate('document.querySelector(".time").parentElement.textContent'), /frozen for 5 ms.*memory: writing 2 ms/);
  t.equal(await browser.evaluate('document.querySelector(".bad").textContent'), 'would not be restored on this host: 1 obstacle');
  t.ok(await browser.evaluate('(document.querySelectorAll(".map i")[1].click(), document.querySelector("tr.lit").textContent)'), 'a click on a mapping leads to its row');
  t.match(await browser.evaluate('document.querySelector("tr.lit").textContent'), /^108000-118000/);
  const shown = 'getComputedStyle(document.body).backgroundColor';
  const before = await browser.evaluate(shown);
  await browser.key('t');
  t.not(await browser.evaluate(shown), before, 't: light and dark');
  await browser.key('/');
  t.equal(await browser.evaluate('document.activeElement.id'), 'search', '/: search');
  for (const letter of 'files.img') await browser.key(letter);
  t.ok(await browser.evaluate('document.getElementById("files").open'), 'what is found is opened');
  await browser.key('Escape');
  t.equal(await browser.evaluate('document.getElementById("files").open'), false, 'and closed again');
  await browser.key('/');
  for (const letter of '8080') await browser.key(letter);
  t.same(await browser.evaluate('[...document.querySelectorAll("details.process")].map((p) => p.hidden)'), [false, true, true, true]);
  t.match(await browser.evaluate('document.getElementById("count").textContent'), /^\d+ found/);
  await browser.key('Escape');
  t.equal(await browser.evaluate('[...document.querySelectorAll("details.process")].some((p) => p.hidden)'), false, 'Escape: all again');
  await browser.key('j');
  await browser.key('j');
  t.match(await browser.evaluate('document.activeElement.textContent'), /^11/, 'j: the next process');
  await browser.key('e');
  t.ok(await browser.evaluate('[...document.querySelectorAll("details.process")].every((p) => p.open)'), 'e: all open');
});

const corpus = unpackCorpus();
t.teardown(() => corpus[Symbol.dispose]());
t.test('every set of the corpus: a report by the schema, text and a page', { skip: corpus.skip }, async (t) => {
  const wrong: string[] = [];
  let processes = 0;
  for (const set of corpus.sets) {
    const checkpoint = await openCheckpoint(path.join(corpus.path, set));
    const report = await reportOf(checkpoint);
    checkpoint[Symbol.dispose]();
    processes += report.processes.length;
    wrong.push(...violations(JSON.parse(JSON.stringify(report)), INSPECT_SCHEMA).map((problem) => `${set}: ${problem}`));
    // The fixtures come without page contents, so that arguments can't be read; nothing else is wrong with them.
    wrong.push(...report.problems.filter((problem) => !/pages-\d+\.img|no memory at/.test(problem)).map((problem) => `${set}: ${problem}`));
    if ([...textOf(report, { all: true })].length < report.processes.length) wrong.push(`${set}: text`);
    if (!(await htmlOf(report)).endsWith('</html>\n')) wrong.push(`${set}: html`);
  }
  t.same(wrong, []);
  t.ok(processes > 400, `${processes} processes`);
});
