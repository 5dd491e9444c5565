import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageDeclarations } from '@criu-ts/images/cli';
import t from 'tap';
import { IMAGE_COMMANDS } from '../commands/image-commands.js';
import { commandNames } from '../commands/index.js';
import { fakeIo } from '../fake-io.js';
import { optionsOf, spellings } from '../options/catalogue.js';
import { run } from '../run.js';

// Each script is taken by its shell, and asked for completions there.
t.setTimeout(120_000);

async function scriptOf(shell: string): Promise<string> {
  const io = fakeIo();
  t.equal(await run(['completion', shell], io), 0);
  return io.out;
}

/** Why a shell can't be asked, for tap; false where it can. */
function missing(shell: string): string | false {
  const { error } = spawnSync(shell, ['-c', 'exit 0']);
  return error !== undefined && `${shell} is not installed`;
}

/** What is typed, the last word unfinished, and what completes it. */
const ROWS: readonly (readonly [typed: string, completed: string])[] = [
  ['criu-ts expl', 'explain'],
  ['criu-ts dump --leave-ru', '--leave-running'],
  ['criu-ts dump -R --link', '--link-remap'],
  ['criu-ts check --expe', '--experimental'],
  ['criu-ts completion fi', 'fish'],
  ['criu-ts deco', 'decode'],
  ['criu-ts decode --pre', '--pretty'],
  ['criu-ts inspect --sch', '--schema'],
  ['criu-ts verify --format sa', 'sarif'],
  ['criu-ts edit --compress n', 'none'],
  ['criu-ts x . mem', 'mems'],
  ['criu-ts -v4 resto', 'restore'],
];

t.test('bash', { skip: missing('bash') }, async (t) => {
  const dir = t.testdir({ images: {}, inner: { 'a file': '' }, image: '' });
  const file = path.join(dir, 'inner/completion');
  writeFileSync(file, await scriptOf('bash'));
  const complete = (...words: string[]): string[] => {
    const call = `source ${file}; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _criu_ts; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', call, 'bash', ...words], { encoding: 'utf8' });
    t.equal(stderr, '', 'no complaint');
    return stdout.trim().split('\n');
  };
  for (const [typed, completed] of ROWS) t.same(complete(...typed.split(' ')), [completed], typed);
  for (const command of commandNames) {
    t.same(complete('criu-ts', command, '-').filter(Boolean).sort(), optionsOf(command).flatMap(spellings).sort(), `all options of ${command}`);
  }
  for (const { name, options } of imageDeclarations()) {
    t.same(complete('criu-ts', name, '-').filter(Boolean).sort(), options.flatMap(({ short, long }) => [...(short === undefined ? [] : [`-${short}`]), `--${long}`]).sort(), `all options of ${name}`);
  }
  t.same(complete('criu-ts', 'x', `${dir}/im`).sort(), [`${dir}/image`, `${dir}/images`], 'the directory first');
  t.same(complete('criu-ts', 'x', dir, ''), ['ps', 'fds', 'mems', 'rss'], 'then what to show');
  t.same(complete('criu-ts', 'core', '-p', '7', '-o', `${dir}/im`).sort(), [`${dir}/image`, `${dir}/images`], 'a file for an option');
  t.same(complete('criu-ts', 'diff', 'a', 'b', ''), [''], 'nothing behind the last');
  t.same(complete('criu-ts', ''), [...commandNames, ...IMAGE_COMMANDS], 'all commands');
  t.same(complete('criu-ts', 'dump', '-D', `${dir}/im`), [`${dir}/images`], 'directories only');
  t.same(complete('criu-ts', 'dump', '--images-dir', '=', `${dir}/im`), [`${dir}/images`], 'after an equals sign');
  t.same(complete('criu-ts', 'info', `${dir}/im`).sort(), [`${dir}/image`, `${dir}/images`], 'images to look into');
  t.same(complete('criu-ts', 'restore', '--pidfile', `${dir}/im`).sort(), [`${dir}/image`, `${dir}/images`], 'files');
  t.same(complete('criu-ts', 'restore', '--config', `${dir}/inner/a`), [`${dir}/inner/a file`], 'a blank in a name');
  t.ok(complete('criu-ts', 'dump', '-t', '').includes(String(process.pid)), 'PIDs');
  const fake = path.join(dir, 'inner/fake');
  writeFileSync(fake, '#!/bin/sh\necho userns timens\n', { mode: 0o755 });
  t.same(complete(fake, 'check', '--feature', 'user'), ['userns'], 'features, as the program tells them');
});

t.test('fish', { skip: missing('fish') }, async (t) => {
  const file = path.join(t.testdir({}), 'criu-ts.fish');
  writeFileSync(file, await scriptOf('fish'));
  const home = t.testdirName;
  const complete = (typed: string): string[] => {
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', `source ${file}; complete -C ${JSON.stringify(typed)}`], { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: home } });
    t.equal(stderr, '', 'no complaint');
    return stdout.trim().split('\n').map((line) => line.split('\t')[0]!);
  };
  // An option before the command keeps fish from seeing that a command is due: it offers what belongs to none.
  for (const [typed, completed] of ROWS.slice(0, -1)) t.same(complete(typed), [completed], typed);
});

/** Types each line and a tab into a zsh on a terminal of its own, and prints what the terminal shows. */
const ZSH = `
zmodload zsh/zpty || exit 77
zpty z zsh -f -i
zpty -w z "PS1='> '; autoload -U compinit; compinit -u -D; source $1; echo LOA''DED"
zpty -r -m z out '*LOADED*' || exit 1
for line in "\${@:3}"; do
  zpty -w -n z "$line"$'\\t'
  # What was completed ends with a blank; nothing may be typed before.
  zpty -r -m z seen "*\${2}*" 
done
`;

t.test('zsh', { skip: missing('zsh') }, async (t) => {
  const dir = t.testdir({});
  const file = path.join(dir, '_criu-ts');
  const driver = path.join(dir, 'driver.zsh');
  writeFileSync(file, await scriptOf('zsh'));
  t.match(spawnSync('zsh', ['-n', file], { encoding: 'utf8' }), { status: 0, stderr: '' }, 'is zsh');
  for (const [typed, completed] of ROWS.slice(0, -1)) {
    writeFileSync(driver, ZSH);
    const whole = `${typed.slice(0, typed.lastIndexOf(' ') + 1)}${completed}`;
    const { status } = spawnSync('zsh', ['-f', driver, file, whole, typed], { encoding: 'utf8', timeout: 30_000, env: { PATH: process.env['PATH'], HOME: dir, TERM: 'dumb' } });
    if (status === 77) {
      t.comment('zsh has no module zpty here');
      return;
    }
    t.equal(status, 0, typed);
  }
});
