import { spawnSync } from 'node:child_process';
import { imageDeclarations } from '@criu-ts/images/cli';
import t from 'tap';
import { IMAGE_COMMANDS } from '../commands/image-commands.js';
import { commandNames } from '../commands/index.js';
import { fakeIo } from '../fake-io.js';
import { optionsOf } from '../options/catalogue.js';
import { run } from '../run.js';
import { roff } from './man-page.js';

t.setTimeout(120_000);

async function page(...command: string[]): Promise<string> {
  const io = fakeIo();
  t.equal(await run(['man', ...command], io), 0);
  return io.out;
}

t.test('text for roff', async (t) => {
  const rows: readonly (readonly [string, string])[] = [
    ['a-b', 'a\\-b'],
    ['.TH', '\\&.TH'],
    ["'x", "\\&'x"],
    ['a\\b', 'a\\eb'],
    ['~/x…', '\\(ti/x\\&...'],
  ];
  for (const [text, expected] of rows) t.equal(roff(text), expected, text);
});

t.test('pages hold what the declarations say', async (t) => {
  t.ok((await page()).includes('.BR criu\\-ts\\-explain (1)'), 'the commands');
  for (const command of commandNames) {
    const text = await page(command);
    for (const { long } of optionsOf(command)) t.ok(text.includes(`\\fB${roff(long)}\\fR`), `${command} --${long}`);
  }
  for (const { name, options } of imageDeclarations()) {
    const text = await page(name);
    for (const { long } of options.slice(0, -1)) t.ok(text.includes(roff(`--${long}`)), `${name} --${long}`);
  }
  t.match(await page('explain'), /\.B 2\nthere is an obstacle/, 'exit codes');
});

t.test('unknown pages', async (t) => {
  const io = fakeIo();
  t.equal(await run(['man', 'nothing'], io), 1);
  t.match(io.err, /man knows dump, restore/);
});

const formatter = ['man', 'mandoc'].find((name) => spawnSync(name, ['--version']).error === undefined);
t.test('formatters have no complaint', { skip: formatter === undefined && 'neither man nor mandoc is installed' }, async (t) => {
  for (const command of [[], ...[...commandNames, ...IMAGE_COMMANDS].map((name) => [name])]) {
    const input = await page(...command);
    const args = formatter === 'man' ? ['-l', '--warnings', '-E', 'UTF-8', '-Tutf8', '-'] : ['-Tlint', '-Wwarning'];
    const { status, stdout, stderr } = spawnSync(formatter!, args, { input, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: '/', LANG: 'C.UTF-8', MANWIDTH: '100' } });
    t.same([status, stderr], [0, ''], command.join() || 'criu-ts');
    if (formatter === 'man') t.match(stdout, /CRIU-TS/);
  }
});
