// The built program, as it is executed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { COMMANDS } from '@criu-ts/images/cli';
import t from 'tap';
import { IMAGE_COMMANDS } from './commands/image-commands.js';

const dist = path.resolve('packages/cli/dist');
const built = existsSync(path.join(dist, 'dump.cjs')) ? {} : { skip: 'the program is not built: nx bundle @criu-ts/cli' };

function execute(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } });
  return { status, stdout, stderr };
}

t.test('runs by its first line', built, async (t) => {
  t.match(execute(path.join(dist, 'criu-ts.cjs'), ['--version']), { status: 0, stdout: /^criu-ts \d/, stderr: '' });
  t.match(execute(path.join(dist, 'criu-ts.cjs'), ['--no-such']), { status: 1, stdout: '', stderr: /unrecognized option/ });
  // node would complain about a file that is not there.
  t.equal(execute(path.join(dist, 'criu-ts.cjs'), ['--version'], { NODE_EXTRA_CA_CERTS: '/no/such' }).stderr, '', 'reads no certificates');
});

t.test('a link named criu is a drop-in', built, async (t) => {
  const dir = t.testdir({});
  symlinkSync(path.join(dist, 'criu-ts.cjs'), path.join(dir, 'criu'));
  t.match(execute(path.join(dir, 'criu'), ['-V']), { status: 0, stdout: /^Version: 4\.2\n/ });
  t.match(execute(path.join(dir, 'criu'), ['--help']), { status: 0, stdout: /^Usage:\n {2}criu dump/ });
});

t.test('V8 takes the code cache', built, async (t) => {
  // The cache depends on the flags of V8, which are in the first line.
  const flags = /^#!.* node (--.*)$/m.exec(readFileSync(path.join(dist, 'criu-ts.cjs'), 'latin1'))?.[1]?.split(' ') ?? [];
  const asks = `const fs = require('node:fs'), cachedData = fs.readFileSync('dump.cache');
    const script = new (require('node:vm').Script)(fs.readFileSync('dump.cjs', 'latin1'), { filename: '${path.join(dist, 'dump.cjs')}', cachedData });
    process.stdout.write(String(script.cachedDataRejected));`;
  t.match(spawnSync(process.execPath, [...flags, '-e', asks], { encoding: 'utf8', cwd: dist }), { status: 0, stdout: 'false' });
});

t.test('runs without the code cache', built, async (t) => {
  const files = ['criu-ts.cjs', 'other.cjs'].map((name) => [name, readFileSync(path.join(dist, name))] as const);
  const dir = t.testdir(Object.fromEntries(files));
  t.match(execute(process.execPath, [path.join(dir, 'criu-ts.cjs'), '--version']), { status: 0, stdout: /^criu-ts \d/ });
});

t.test('the command is found wherever it stands', built, async (t) => {
  const dir = t.testdir({});
  const rows: [args: string, err: RegExp][] = [
    ['dump -t 0', /^criu-ts: dump needs a process/],
    ['restore -S', /^criu-ts: --restore-sibling only/],
    ['-o dump restore -S', /^criu-ts: --restore-sibling only/],
    ['-o restore dump -t 0', /^criu-ts: dump needs a process/],
    ['-W dump', /^criu-ts: a command is required/],
  ];
  for (const [args, err] of rows) {
    const run = execute(path.join(dist, 'criu-ts'), [...args.split(' '), '-D', dir]);
    t.match(run, { status: 1, stderr: err }, args);
  }
});

t.test('the commands of @criu-ts/images', built, async (t) => {
  t.same(Object.keys(COMMANDS), IMAGE_COMMANDS, 'the launcher knows them all');
  const dir = t.testdir({});
  const program = path.join(dist, 'criu-ts.cjs');
  t.match(execute(program, ['inspect', '--help']), { status: 0, stdout: /^usage: criu-ts inspect /, stderr: '' });
  t.match(execute(program, ['inspect', dir]), { status: 1, stdout: '', stderr: /^criu-ts inspect: inventory\.img: there is no such file\n$/ });
  const image = path.join(dir, 'fs-1.img');
  const json = '{"magic": "FS", "entries": [{"cwd_id": 1, "root_id": 2}]}';
  t.match(spawnSync(program, ['encode', '-o', image], { input: json, encoding: 'utf8' }), { status: 0, stderr: '' });
  t.equal(execute(program, ['decode', '-i', image]).stdout, `${json}\n`);
});
