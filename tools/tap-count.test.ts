import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
// @ts-expect-error: a plain script, without types
import { countTap } from './tap-count.mjs';

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}
const count = countTap as (tap: string) => Count;

t.test('counts what tap prints', async (t) => {
  const rows: [name: string, lines: string[], expected: Count][] = [
    ['assertions', ['ok 1 - a', 'not ok 2 - b', '1..2'], { passed: 1, failed: 1, skipped: 0 }],
    ['a skipped and a todo one', ['ok 1 - a # SKIP no root', 'not ok 2 - b # TODO', '1..2'], { passed: 0, failed: 0, skipped: 2 }],
    ['a subtest is not counted twice', ['# Subtest: s', '    ok 1 - a', '    not ok 2 - b', '    1..2', 'not ok 1 - s', '1..1'], { passed: 1, failed: 1, skipped: 0 }],
    ['a file that crashed after what passed', ['# Subtest: f', '    ok 1 - a', '    1..1', 'not ok 1 - f', '  ---', '  exitCode: 7', '  ...', '1..1'], { passed: 1, failed: 1, skipped: 0 }],
    ['a file without tests', ['# Subtest: f', '    1..0', 'ok 1 - f # SKIP no tests found', '1..1'], { passed: 0, failed: 1, skipped: 0 }],
    ['nothing at all', [], { passed: 0, failed: 1, skipped: 0 }],
    ['a stream cut short', ['1..3', 'ok 1 - a'], { passed: 1, failed: 1, skipped: 0 }],
    ['a bail out', ['ok 1 - a', 'Bail out! on fire'], { passed: 1, failed: 1, skipped: 0 }],
  ];
  for (const [name, lines, { passed, failed, skipped }] of rows) {
    t.match(count(['TAP version 14', ...lines, ''].join('\n')), { passed, failed, skipped }, name);
  }
});

t.test('counts what tap really says of bad test files', async (t) => {
  const files: Record<string, string> = {
    'good.mjs': "import t from 'tap'; t.ok(true);",
    'crash.mjs': "import t from 'tap'; t.ok(true); process.kill(process.pid, 'SIGKILL');",
    'throws.mjs': "import 'tap'; throw new Error('at load');",
    'empty.mjs': "import 'tap';",
  };
  // Inside the repository, for `tap` to be found.
  const dir = path.resolve('tools/dist/test/fixture');
  spawnSync('mkdir', ['-p', dir]);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
  const tap = path.resolve('node_modules/.bin/tap');
  const run = spawnSync(tap, ['run', '--reporter=tap', ...Object.keys(files).map((name) => path.join(dir, name))], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  t.match(count(run.stdout), { passed: 2, failed: 3 }, 'a good file, a killed one, one that throws, an empty one');
});
