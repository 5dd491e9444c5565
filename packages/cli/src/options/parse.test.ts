import t from 'tap';
import { parseConfig } from './config-file.js';
import { judgeOptions } from './judge.js';
import { everyOption, parseOptions } from './parse.js';
import type { Values } from './table.js';

t.test('arguments are read as getopt_long does', async (t) => {
  const rows: [name: string, args: string, values: Values, words: string[]][] = [
    ['what everybody types', 'dump -t 12 -D /i -o dump.log -v4', { tree: 12, 'images-dir': '/i', 'log-file': 'dump.log', verbosity: 4 }, ['dump']],
    ['options before the command', '-D /i restore', { 'images-dir': '/i' }, ['restore']],
    ['glued short values', 'dump -t12 -D/i', { tree: 12, 'images-dir': '/i' }, ['dump']],
    ['a cluster', 'restore -djl', { 'restore-detached': true, 'shell-job': true, 'file-locks': true }, ['restore']],
    ['a cluster that ends with a value', 'restore -djD /i', { 'restore-detached': true, 'shell-job': true, 'images-dir': '/i' }, ['restore']],
    ['long with =', '--images-dir=/i --tree=12', { 'images-dir': '/i', tree: 12 }, []],
    ['a beginning that is enough', '--tcp-est --images /i', { 'tcp-established': true, 'images-dir': '/i' }, []],
    ['an exact name that begins another', '--external a', { external: ['a'] }, []],
    ['a flag taken back', '--shell-job --no-shell-job', { 'shell-job': false }, []],
    ['an alias', '--daemon', { 'restore-detached': true }, []],
    ['the last of many counts', '-D a -D b', { 'images-dir': 'b' }, []],
    ['lists grow', '--external a --external b', { external: ['a', 'b'] }, []],
    ['-v is one more than warnings', '-v', { verbosity: 3 }, []],
    ['-vv is two more', '-vv', { verbosity: 4 }, []],
    ['-vvvv is four more', '-vvvv', { verbosity: 6 }, []],
    ['-v -v is two more', '-v -v', { verbosity: 4 }, []],
    ['-v0 is silent', '-v0', { verbosity: 0 }, []],
    ['-verbosity=0 with one dash', '-verbosity=0', { verbosity: 0 }, []],
    ['--verbosity=1', '--verbosity=1', { verbosity: 1 }, []],
    ['an optional value must be glued', '--manage-cgroups soft', { 'manage-cgroups': '' }, ['soft']],
    ['an optional value', '--manage-cgroups=soft', { 'manage-cgroups': 'soft' }, []],
    ['sizes', '--ghost-limit 1M', { 'ghost-limit': 2 ** 20 }, []],
    ['sizes in bytes', '--ghost-limit=70000', { 'ghost-limit': 70_000 }, []],
    ['-- ends options', 'dump -- -t 1', {}, ['dump', '-t', '1']],
    ['a lonely dash is a word', '-', {}, ['-']],
    ['a value that looks like an option', '-o -', { 'log-file': '-' }, []],
  ];
  for (const [name, args, values, words] of rows) {
    t.strictSame(parseOptions(args.split(' ')), { values, words }, name);
  }
});

t.test('what cannot be read is named', async (t) => {
  const rows: [args: string, message: RegExp][] = [
    ['--no-such', /^unrecognized option '--no-such'$/],
    ['--leave-runing', /did you mean '--leave-running'\?/],
    ['--no-tree', /unrecognized/],
    ['--leave', /ambiguous: --leave-running, --leave-stopped/],
    ['--images-dir', /needs a value: DIR/],
    ['-D', /'-D' needs a value/],
    ['-jZ', /invalid option -- 'Z'/],
    ['--checksum=1', /takes no value/],
    ['-t abc', /invalid argument for -t: abc/],
    ['--timeout -1', /invalid argument for --timeout/],
    ['--ghost-limit 1T', /invalid argument for --ghost-limit: 1T/],
    ['-vx', /invalid argument for -v/],
  ];
  for (const [args, message] of rows) t.throws(() => parseOptions(args.split(' ')), { name: 'UsageError', message }, args);
});

t.test('the table', async (t) => {
  const rows = everyOption();
  const names = rows.flatMap(({ long, alias, short }) => [long, alias, short]).filter((name) => name !== undefined);
  t.equal(new Set(names).size, names.length, 'names no option twice');
  for (const row of rows) {
    t.ok((row.kind === 'flag') === (row.value === undefined), `--${row.long}: only a flag has no value`);
    t.ok(row.of.length === 0 ? row.refused !== undefined || row.ignored !== undefined : row.text !== '', `--${row.long}: is in the help, or says why not`);
  }
});

t.test('refused, passed over', async (t) => {
  t.throws(() => judgeOptions({ 'page-server': true, 'lazy-pages': true }), { message: /--page-server .*\n.*--lazy-pages/ }, 'all at once');
  t.strictSame(judgeOptions({ 'page-server': false }), [], 'what is taken back is not asked for');
  t.throws(() => judgeOptions({ 'file-validation': 'buildid' }), { message: /--file-validation is not supported yet: / });
  t.strictSame(judgeOptions({ 'file-validation': 'filesize' }), [], 'a value that asks for nothing');
  t.match(judgeOptions({ 'log-pid': true, tree: 1 }), [/^--log-pid has no effect: /]);
});

t.test('configuration files', async (t) => {
  const text = ['# comment', '', 'tcp-established', '  ghost-limit 2M # trailing', 'verbosity 4', 'external "mnt[a b]:c"', 'root "x\\"y"', 'libdir ""'].join('\n');
  t.strictSame(parseConfig(text, 'f'), ['--tcp-established', '--ghost-limit=2M', '--verbosity=4', '--external=mnt[a b]:c', '--root=x"y', '--libdir=']);
  t.equal(parseOptions(parseConfig(text, 'f')).values.verbosity, 4, 'an optional value is taken');
  t.throws(() => parseConfig('a\nroot "x', 'f'), { message: /^f:2: a quote is missing/ });
  t.throws(() => parseConfig('root x y', 'f'), { message: /^f:1: a value with blanks must be quoted/ });
});
