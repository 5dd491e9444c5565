import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { DROPPABLE } from '../edit/edits.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_PRESENT } from '../pagemap/pagemap.js';
import { PAGE, at, tinySet, vma } from '../testing/tiny-set.js';
import { COMMANDS } from './commands.js';
import { EDIT_OPTIONS, editsOf } from './edit-options.js';
import { main } from './main.js';

const dir = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-edit-cli-'));
t.teardown(() => rmSync(dir, { recursive: true }));

async function edit(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(['edit', ...args], { name: 'criu-images', columns: 0, version: '1', stdin: () => new Uint8Array(0), stdout: (what) => void (out += String(what)), stderr: (text) => void (err += text) }, COMMANDS);
  return { code, out, err };
}

const SECRET = 'hunter2';
const contents = new Uint8Array(PAGE);
contents.set(new TextEncoder().encode(`A=12345\0${SECRET}`));
const source = path.join(dir, 'source');
mkdirSync(source);
for (const [name, bytes] of tinySet([{ pid: 10, vmas: [vma(0, 1, VMA.anonPrivate)], rows: [[0, 1, PE_PRESENT]], contents, mm: { mmEnvStart: at(0), mmEnvEnd: at(0) + 8n } }]).files) writeFileSync(path.join(source, name), bytes);
const out = path.join(dir, 'out');
t.beforeEach(() => rmSync(out, { recursive: true, force: true }));
const secrets = path.join(dir, 'secrets');
writeFileSync(secrets, `${SECRET}\r\n\n`);

t.test('for people', async (t) => {
  const run = await edit('--uid', '1000=2000', '--env', 'A=xyz', '--redact-file', secrets, source, out);
  t.match(run, { code: 0, err: '' });
  t.match(run.out, /^env: 1 change\n {2}process 10, A in the environment, 0x100000, 7 B\n/m);
  t.match(run.out, /^uid: 4 changes\n/m);
  t.match(run.out, new RegExp(`^${out}: 10 files, `, 'm'));
  t.notMatch(run.out, SECRET, 'the secret is not told');
  t.equal(readFileSync(path.join(out, 'pages-10.img')).toString('latin1', 0, 20), 'A=xyz\0\0\0*******\0\0\0\0\0');
});

t.test('for programs', async (t) => {
  const run = await edit('--json', '--redact', 'hunter\\d', '--compress', 'lz4', source, out);
  t.equal(run.code, 0);
  t.match(JSON.parse(run.out), { command: 'edit', ok: true, checkpoint: source, out, dryRun: false, edits: [{ edit: 'pages', changes: 1, number: 0 }, { edit: 'redact', changes: 1, places: [{ pid: 10, address: '100008', length: 7 }] }], left: [], written: { files: 10 } });
  t.ok(existsSync(path.join(out, 'pages-10.lz4')));
});

t.test('a dry run', async (t) => {
  const run = await edit('-n', '--json', '--uid', '1000=1', source);
  t.match(JSON.parse(run.out), { ok: true, out: null, dryRun: true, edits: [{ changes: 4 }] });
  t.match((await edit('-n', '--uid', '1000=1', source, out)).out, /^nothing was written$/m);
  t.same(readdirSync(dir).sort(), ['secrets', 'source']);
  t.equal((await edit('-n', '--uid', '7=1', source)).code, 4, 'the same exit codes');
});

const failures: { args: string[]; code: number; err: RegExp; error?: object }[] = [
  { args: ['--uid', '7=8', source, out], code: 4, err: /^criu-images edit: uid 7: nothing in the checkpoint is so\n$/, error: { code: 'edit-unmatched', object: 'uid 7' } },
  { args: ['--env', 'A=123456', source, out], code: 3, err: /room for a value of 5 bytes.*\n {2}do: /, error: { code: 'edit-refused', object: 'A of process 10', hint: /pointers?|moved/ } },
  { args: ['--uid', '1000=1', '--uid', '1000=2', source, out], code: 3, err: /two edits/, error: { code: 'edit-conflict' } },
  { args: ['--uid', '1000=1', source, source], code: 3, err: /there already/, error: { code: 'edit-refused' } },
  { args: ['--uid', '1000=1', secrets, out], code: 1, err: /neither a tar nor packed/, error: { code: 'image-corrupt' } },
  { args: ['--uid', '1000=1', path.join(dir, 'nowhere'), out], code: 1, err: /ENOENT/, error: { code: 'syscall-failed' } },
];
for (const { args, code, err, error } of failures) {
  t.test(`fails: ${args.map((arg) => arg.replace(dir, 'DIR')).join(' ')}`, async (t) => {
    const run = await edit(...args);
    t.match(run, { code, out: '', err });
    t.notOk(existsSync(out));
    const json = await edit('--json', ...args);
    t.equal(json.code, code);
    t.match(JSON.parse(json.out), { command: 'edit', ok: false, error: error! });
  });
}

t.test('what may find nothing', async (t) => t.match(await edit('--unmatched-ok', '--uid', '7=8', source, out), { code: 0, out: /^uid: 0 changes$/m }));

const wrong: [string[], RegExp][] = [
  [[source, out], /nothing is asked for/],
  [['--uid', '1=2'], /required: checkpoint/],
  [['--uid', '1=2', source], /required: out/],
  [['--uid', '1', source, out], /--uid wants OLD=NEW, not '1'/],
  [['--port', 'http=80', source, out], /--port wants a number, not 'http'/],
  [['--path', 'a=/b', source, out], /--path wants OLD=NEW, not 'a=\/b'/],
  [['--env', '=x', source, out], /--env wants OLD=NEW/],
  [['--redact', '(', source, out], /--redact: Invalid regular expression/],
  [['--drop-pages', '1-2-3', source, out], /--drop-pages wants heap, anonymous/],
  [['--compress', 'zip', source, out], /--compress is lz4 or none, not 'zip'/],
  [['--checksum', '--no-checksum', source, out], /exclude each other/],
  [['--pid', 'x', '--uid', '1=2', source, out], /--pid wants a number/],
  [['--bogus', source, out], /--bogus/],
];
for (const [args, err] of wrong) t.test(`wrong: ${args.map((arg) => arg.replace(dir, 'DIR')).join(' ')}`, async (t) => t.match(await edit(...args), { code: 2, err }));

t.test('what options ask for', (t) => {
  const rows: [Record<string, string | boolean | string[]>, object[]][] = [
    [{ port: ['80=81', '1=2'], 'keep-connections': true }, [{ edit: 'port', from: 80, to: 81, connections: 'keep' }, { edit: 'port', from: 1, to: 2 }]],
    [{ bind: ['::1=::'] }, [{ edit: 'bind', from: '::1', to: '::', connections: 'refuse' }]],
    [{ path: ['/a=b/c=/d=e'] }, [{ edit: 'path', from: '/a=b/c', to: '/d=e' }]],
    [{ env: ['A=b=c'], pid: '7' }, [{ edit: 'env', name: 'A', value: 'b=c', pid: 7 }]],
    [{ 'drop-pages': ['0x1000-2000', 'heap'], pid: '7' }, [{ edit: 'drop-pages', range: { start: 0x1000n, end: 0x2000n }, pid: 7 }, { edit: 'drop-pages', kind: 'heap', pid: 7 }]],
    [{ 'no-checksum': true }, [{ edit: 'pages', checksum: false }]],
    [{ redact: ['a.c'], 'redact-text': ['x'], 'redact-file': [secrets] }, [{ edit: 'redact', pattern: /a.c/ }, { edit: 'redact', pattern: 'x' }, { edit: 'redact', pattern: SECRET }]],
  ];
  for (const [values, edits] of rows) t.match(editsOf(values), edits, JSON.stringify(values));
  t.end();
});

t.test('--help tells every option and every kind of memory', async (t) => {
  const { out: help } = await edit('--help');
  for (const name of Object.keys(EDIT_OPTIONS)) t.match(help, `--${name}`);
  for (const kind of DROPPABLE) t.match(help, kind);
});
