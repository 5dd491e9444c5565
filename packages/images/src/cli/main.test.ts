import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { core_entry_march, fd_types } from '../gen/index.js';
import type { vma_entry } from '../gen/index.js';
import { IMAGE_TYPES } from '../image-types.js';
import { VMA } from '../memory/vma-bits.js';
import { createImageSet } from '../io/node-directory.js';
import { PE_PRESENT, pagemapOf, writePagemap } from '../pagemap/pagemap.js';
import { tinySet, vma as tinyVma } from '../testing/tiny-set.js';
import { COMMANDS } from './commands.js';
import { main } from './main.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'criu-images-'));
t.teardown(() => rmSync(dir, { recursive: true }));

/** Runs a command line; what it wrote and its exit code. */
async function run(args: string[], stdin: Uint8Array | string = ''): Promise<{ code: number; out: string; bytes: Uint8Array; err: string }> {
  const pieces: Uint8Array[] = [];
  let err = '';
  const code = await main(args, {
    name: 'criu-images',
    columns: 0,
    version: '1.2.3',
    stdin: () => Buffer.from(stdin),
    stdout: (what) => void pieces.push(Buffer.from(what)),
    stderr: (text) => void (err += text),
  }, COMMANDS);
  const bytes = Buffer.concat(pieces);
  return { code, out: bytes.toString(), bytes, err };
}

const fown = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };
const vma = (start: bigint, pages: number, status: number, more: Partial<vma_entry> = {}): vma_entry => ({ start, end: start + BigInt(pages) * 4096n, pgoff: 0n, shmid: 0n, prot: 3, flags: 0x22, status, fd: -1n, ...more });

/** A parent and its child, with a file, a pipe, sockets and all sorts of mappings. */
function writeSet(): void {
  const set = createImageSet(dir);
  set.write(IMAGE_TYPES.pstree, undefined, [
    { pid: 10, ppid: 0, pgid: 10, sid: 10, threads: [10] },
    { pid: 11, ppid: 10, pgid: 10, sid: 10, threads: [11] },
    { pid: 12, ppid: 10, pgid: 10, sid: 10, threads: [12] },
  ]);
  set.write(IMAGE_TYPES.core, 12, [{ mtype: core_entry_march.X86_64, tc: { taskState: 3, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, sigactions: [], comm: 'dead' } }]);
  set.write(IMAGE_TYPES.files, undefined, [
    { id: 1, type: fd_types.REG, reg: { id: 1, flags: 0, pos: 0n, fown, name: '/bin/prog', buildId: [] } },
    { id: 2, type: fd_types.PIPE, pipe: { id: 2, pipeId: 77, flags: 0, fown } },
    { id: 4, type: fd_types.REG, reg: { id: 4, flags: 0, pos: 0n, fown, name: '/', buildId: [] } },
  ]);
  const ids = { vmId: 1, fsId: 1, sighandId: 1 };
  const tc = { taskState: 1, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, sigactions: [] };
  const shared = { status: 0 };
  for (const [pid, comm] of [[10, 'parent'], [11, 'child']] as const) {
    set.write(IMAGE_TYPES.core, pid, [{ mtype: core_entry_march.X86_64, tc: { ...tc, comm } }]);
    set.write(IMAGE_TYPES.ids, pid, [{ ...ids, filesId: pid }]);
    set.write(IMAGE_TYPES.fs, pid, [{ cwdId: 4, rootId: 9 }]);
    set.write(IMAGE_TYPES.fdinfo, pid, [
      { id: 1, flags: 0, type: fd_types.REG, fd: 0 },
      { id: 2, flags: 0, type: fd_types.PIPE, fd: 1 },
      { id: 3, flags: 0, type: fd_types.UNIXSK, fd: 2 },
      { id: 3, flags: 0, type: fd_types.EVENTFD, fd: 3 },
      { id: 8, flags: 0, type: fd_types.PIPE, fd: 4 },
    ]);
    const vmas = [
      vma(0x40_0000n, 2, 0x41, { shmid: 1n, prot: 5, pgoff: 0x1000n }),
      vma(0x50_0000n, 4, 0x201),
      vma(0x60_0000n, 1, 0x81, { shmid: 1n, prot: 1 }),
      vma(0x70_0000n, 1, 0x101, { shmid: 99n }),
      vma(0x80_0000n, 1, 0x401, { shmid: 98n }),
      vma(0x90_0000n, 1, 0x801, { shmid: 99n }),
      vma(0xa0_0000n, 1, 0x200, { ...shared, status: 0x200 }),
      vma(0xb0_0000n, 1, 0x201, { flags: 0x122 }),
      vma(0x7fff_0000_0000n, 1, 0x203),
      vma(0x7fff_1000_0000n, 1, 0x9, { prot: 5 }),
      vma(0xffff_ffff_ff60_0000n, 1, 0x4, { prot: 4 }),
    ];
    const mm = { mmStartCode: 0n, mmEndCode: 0n, mmStartData: 0n, mmEndData: 0n, mmStartStack: 0n, mmStartBrk: 0n, mmBrk: 0n, mmArgStart: 0n, mmArgEnd: 0n, mmEnvStart: 0n, mmEnvEnd: 0n };
    set.write(IMAGE_TYPES.mm, pid, [{ ...mm, exeFileId: 1, mmSavedAuxv: [], vmas, aios: [] }]);
    writePagemap(set, IMAGE_TYPES.pagemap, pid, pagemapOf(1, [{ vaddr: 0x40_1000n, nrPages: 1, flags: 4 }, { vaddr: 0x50_0000n, nrPages: 1, flags: 4 }, { vaddr: 0x50_2000n, nrPages: 2, flags: 4 }]));
  }
}
writeSet();

t.test('x ps', async (t) => {
  t.same((await run(['x', dir, 'ps'])), { code: 0, err: '', out: '    PID   PGID    SID   COMM\n     10     10     10   parent\n     11     10     10       child\n     12     10     10       dead\n', bytes: (await run(['x', dir, 'ps'])).bytes });
});

t.test('x fds', async (t) => {
  const one = '\t      0: /bin/prog\n\t      1: pipe[77]\n\t      2: unix[?]\n\t      3: EVENTFD.3\n\t      4: pipe[?]\n\t    cwd: /\n\t   root: unknown path\n';
  t.equal((await run(['x', dir, 'fds'])).out, `10\n${one}11\n${one}12\n`);
});

t.test('x mems', async (t) => {
  const lines = [
    '\texe                                     /bin/prog',
    '\t00400000-00402000                   r-x /bin/prog + 0x1000',
    '\t00500000-00504000                   rw-',
    '\t00600000-00601000                   r-- /bin/prog (s)',
    '\t00700000-00701000                   rw- shmem[1]',
    '\t00800000-00801000                   rw- ips[2]',
    '\t00900000-00901000                   rw- packet[1]',
    '\t00a00000-00a01000                   rw- *',
    '\t00b00000-00b01000                   rw- [stack?]',
    '\t7fff00000000-7fff00001000           rw- [stack]',
    '\t7fff10000000-7fff10001000           r-x [vdso]',
    '\tffffffffff600000-ffffffffff601000   --x [vsyscall] *',
  ];
  t.equal((await run(['x', dir, 'mems'])).out, ['10', ...lines, '11', ...lines, '12', ''].join('\n'));
});

t.test('x rss', async (t) => {
  const gap = `\t${' '.repeat(23)}`;
  const one = ['\t401000 / 1              00400000 / 2        /bin/prog', gap, '\t500000 / 1              00500000 / 4       ', gap, '\t502000 / 2              ~', gap];
  t.equal((await run(['x', dir, 'rss'])).out, ['10', ...one, '11', ...one, '12', ''].join('\n'));
});

t.test('decode, encode, show, info', async (t) => {
  const file = path.join(dir, 'pstree.img');
  const bytes = readFileSync(file);
  const json = '{"magic": "PSTREE", "entries": [{"pid": 10, "ppid": 0, "pgid": 10, "sid": 10, "threads": [10]}, {"pid": 11, "ppid": 10, "pgid": 10, "sid": 10, "threads": [11]}, {"pid": 12, "ppid": 10, "pgid": 10, "sid": 10, "threads": [12]}]}';
  t.equal((await run(['decode', '-i', file])).out, `${json}\n`);
  t.equal((await run(['decode'], bytes)).out, `${json}\n`, 'from standard input');
  t.same((await run(['encode'], json)).bytes, bytes, 'to standard output');
  const out = path.join(dir, 'out');
  t.same((await run(['decode', '-i', file, '-o', out])), { code: 0, out: '', err: '', bytes: Buffer.from('') });
  t.equal(readFileSync(out, 'utf8'), json, 'no line feed in a file');
  t.equal((await run(['encode', `--in=${out}`, `--out=${out}.img`])).code, 0);
  t.same(readFileSync(`${out}.img`), bytes);
  t.equal((await run(['decode', '--pretty', '-i', path.join(dir, 'fs-10.img')])).out, '{\n    "magic": "FS",\n    "entries": [\n        {\n            "cwd_id": 4,\n            "root_id": 9\n        }\n    ]\n}\n');
  t.equal((await run(['show', path.join(dir, 'fs-10.img')])).out, (await run(['decode', '--pretty', '-i', path.join(dir, 'fs-10.img')])).out);
  t.match((await run(['show', path.join(dir, 'pagemap-10.img')])).out, '"vaddr": "0x401000"');
  t.equal((await run(['info', file])).out, '{\n    "magic": "PSTREE",\n    "count": 3\n}\n');
});

t.test('help and version', async (t) => {
  t.same([(await run(['--version'])).code, (await run(['--version'])).out], [0, '1.2.3\n']);
  t.match((await run(['--help'])), { code: 0, out: /^usage: criu-images .*\{decode,encode,info,x,show,/, err: '' });
  t.match((await run(['decode', '--help'])), { code: 0, out: /^usage: criu-images decode \[-h\] \[--pretty\] \[-i IN\] \[-o OUT\]\n/, err: '' });
  t.match((await run(['info', '-h'])), { code: 0, out: /^usage: criu-images info \[-h\] IN\n/, err: '' });
});

t.test('inspect, verify and core of a checkpoint', async (t) => {
  const set = path.join(dir, 'whole');
  mkdirSync(set);
  for (const [name, bytes] of tinySet([{ pid: 10, comm: 'saved', threads: [12] }]).files) writeFileSync(path.join(set, name), bytes);
  t.match(await run(['inspect', set]), { code: 0, err: '', out: /^10 saved/m });
  t.match(JSON.parse((await run(['inspect', '--json', set])).out), { version: 1, totals: { processes: 1, threads: 2 } });
  t.match(JSON.parse((await run(['inspect', '--schema'])).out), { $schema: /json-schema/ });
  const html = path.join(dir, 'report.html');
  t.match(await run(['inspect', '--html', html, set]), { code: 0, out: '' });
  t.match(readFileSync(html, 'utf8'), /^<!doctype html>/);
  t.match(await run(['verify', set]), { code: 0, out: `${set}: whole\n` });
  const policy = path.join(dir, 'policy.json');
  writeFileSync(policy, '{"uids": [0]}');
  t.match(await run(['verify', '--policy', policy, set]), { code: 3, out: /whole, refused by the policy: 2 findings/ });
  t.match(JSON.parse((await run(['verify', '--format', 'json', '--policy', policy, set])).out), { ok: false, findings: [{ level: 'policy' }, {}] });
  t.match((await run(['verify', '--format', 'sarif', set])).out, /"version": "2.1.0"/);
  t.match((await run(['verify', '--format', 'junit', set])).out, /failures="0"/);
  writeFileSync(policy, '{"uid": [0]}');
  t.match(await run(['verify', '--policy', policy, set]), { code: 2, err: /policy.uid: a policy has/ });
  writeFileSync(path.join(set, 'pstree.img'), 'x');
  t.match(await run(['verify', set]), { code: 1, out: /damage +damaged-image +pstree.img/ });
  t.match(await run(['verify', policy]), { code: 1, out: /neither a tar nor packed/ });
  const core = path.join(dir, 'core');
  t.match(await run(['core', '-o', core, set]), { code: 1, err: /^criu-images core: pstree.img/ });
  t.notOk(existsSync(core), 'nothing is left of what failed');
});

t.test('memory: sizes, bytes, search', async (t) => {
  const set = path.join(dir, 'memory');
  mkdirSync(set);
  const contents = new Uint8Array(2 * 4096);
  contents.set(new TextEncoder().encode('key=secret; key=other;'), 4090);
  const images = tinySet([{ pid: 10, comm: 'saved', vmas: [tinyVma(0, 4, VMA.anonPrivate)], rows: [[0, 2, PE_PRESENT]], contents }]);
  for (const [name, bytes] of images.files) writeFileSync(path.join(set, name), bytes);
  t.match((await run(['memory', set])).out, /^ +PID .*\n +10 +8 KiB +0 B +16 KiB {2}saved\n$/);
  const shown = (await run(['memory', '-p', '10', set])).out.split('\n');
  t.same(shown.slice(0, 3), [`0000000000100000  ${'00 '.repeat(16)} |${'.'.repeat(16)}|`, '*', `0000000000100ff0  ${'00 '.repeat(10)}6b 65 79 3d 73 65  |..........key=se|`]);
  t.equal(shown.filter((line) => line === '*').length, 2, 'what repeats is left out');
  t.match((await run(['memory', '-p', '10', '--at', '0x100ffa-101000', set])).out, /^0000000000100ffa {2}6b 65 79 3d 73 65 +\|key=se\|\n$/);
  t.match(await run(['memory', '--at', '103000', set]), { code: 2, err: /at 103000 the images hold nothing: zero/ });
  const out = path.join(dir, 'memory.bin');
  t.equal((await run(['memory', '-p', '10', '-o', out, set])).code, 0);
  t.same(readFileSync(out), Buffer.from(contents), 'the bytes themselves');
  t.equal((await run(['memory', '--search', 'key=', set])).out, '10 000000100ffa  key=  anonymous \n10 000000101006  key=  anonymous \n2 places\n');
  t.equal((await run(['memory', '--regex', 'key=\\w+', '-c', '2', set])).out, '10 000000100ffa  \\x00\\x00[key=secret];   anonymous \n10 000000101006  ; [key=other];\\x00  anonymous \n2 places\n');
  t.equal((await run(['memory', '--search', 'nothing', set])).out, 'found nowhere\n');
  t.match(await run(['memory', '--regex', '(', set]), { code: 2, err: /--regex: Invalid regular expression/ });
  t.match(await run(['memory', '-p', '11', set]), { code: 2, err: /there is no process 11: 10/ });
});

const wrong: { args: string[]; code: number; err: RegExp; stdin?: string }[] = [
  { args: [], code: 1, err: /too few arguments/ },
  { args: ['bogus'], code: 2, err: /'bogus' is none of decode, encode/ },
  { args: ['constructor'], code: 2, err: /'constructor' is none of/ },
  { args: ['decode', '--bogus'], code: 2, err: /usage: criu-images decode .*\n.*--bogus/ },
  { args: ['decode', 'file'], code: 2, err: /unrecognized arguments: file/ },
  { args: ['show'], code: 2, err: /the following arguments are required: in/ },
  { args: ['inspect'], code: 2, err: /required: checkpoint/ },
  { args: ['core', '-p', 'x', dir], code: 2, err: /--pid wants a number, not 'x'/ },
  { args: ['verify', '--format', 'x', dir], code: 2, err: /--format is one of text, json, sarif, junit/ },
  { args: ['verify', '--host', dir], code: 2, err: /--host asks this host, .*: criu-ts, of @criu-ts\/cli/ },
  { args: ['inspect', '--host', dir], code: 2, err: /--host asks this host/ },
  { args: ['x', dir], code: 2, err: /required: what/ },
  { args: ['x', dir, 'all'], code: 2, err: /'all' is none of ps, fds, mems, rss/ },
  { args: ['x', path.join(dir, 'nowhere'), 'ps'], code: 1, err: /^criu-images x: ENOENT: .*nowhere/ },
  { args: ['decode', '-i', path.join(dir, 'nothing')], code: 1, err: /^criu-images decode: ENOENT/ },
  { args: ['decode'], code: 1, err: /^criu-images decode: standard input at byte 0: /, stdin: 'x' },
  { args: ['encode'], code: 1, err: /^criu-images encode: line 1, column 2: /, stdin: '{' },
  { args: ['encode'], code: 1, err: /^criu-images encode: magic: /, stdin: '{}' },
];
for (const { args, code, err, stdin } of wrong) {
  t.test(`wrong: ${args.map((arg) => arg.replace(dir, 'DIR')).join(' ')}`, async (t) => {
    const result = await run(args, stdin);
    t.equal(result.code, code);
    t.match(result.err, err);
    t.equal(result.out, '');
    });
}

t.test('trees that are none', async (t) => {
  const set = createImageSet(dir, 'replace');
  const entry = { pgid: 10, sid: 10, threads: [] };
  set.write(IMAGE_TYPES.pstree, undefined, [{ ...entry, pid: 10, ppid: 12 }]);
  t.match((await run(['x', dir, 'ps'])), { code: 1, err: /process 10 has the parent 12, which is not there/ });
  set.write(IMAGE_TYPES.pstree, undefined, [{ ...entry, pid: 10, ppid: 11 }, { ...entry, pid: 11, ppid: 10 }]);
  t.match((await run(['x', dir, 'ps'])), { code: 1, err: /descend from no process/ });
  writeFileSync(path.join(dir, 'pstree.img'), '');
  t.match((await run(['x', dir, 'ps'])), { code: 1, err: /pstree.img at byte 0: first word/ });
});
