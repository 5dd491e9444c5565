// A rule that forbids nothing is decoration: each of these lines must be refused, and its neighbour must not.
import { createProjectGraphAsync } from '@nx/devkit';
import { ESLint } from 'eslint';
import t from 'tap';
import tseslint from 'typescript-eslint';

// Without it the rule about layers is silent.
await createProjectGraphAsync();
// The real configuration; only without types, as these files don't exist.
const eslint = new ESLint({
  overrideConfig: [tseslint.configs.disableTypeChecked, { languageOptions: { parserOptions: { project: null } } }],
});

async function rulesAgainst(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: file });
  return (result?.messages ?? []).filter(({ ruleId }) => ruleId === null || /^(house|@nx)\//.test(ruleId)).map(({ ruleId, message }) => ruleId ?? message);
}

const LAYERS = '@nx/enforce-module-boundaries';
const rows: [rule: string, file: string, forbidden: string, allowedFile: string, allowed: string][] = [
  [LAYERS, 'packages/kernel/src/sys/x.ts', "import { x } from '@criu-ts/tracee';", 'packages/tracee/src/x.ts', "import { x } from '@criu-ts/kernel/sys';"],
  [LAYERS, 'packages/images/src/x.ts', "import { x } from '@criu-ts/kernel/abi';", 'packages/images/src/x.ts', "import { x } from '@criu-ts/wasm';"],
  [LAYERS, 'packages/tracee/src/x.ts', "import { x } from '@criu-ts/images';", 'packages/core/src/x.ts', "import { x } from '@criu-ts/images';"],
  [LAYERS, 'packages/cli/src/x.ts', "import { x } from '@criu-ts/kernel/sys';", 'packages/cli/src/x.ts', "import { x } from '@criu-ts/core';"],
  [LAYERS, 'packages/core/src/x.ts', "import { x } from '@criu-ts/cli';", 'packages/core/src/x.ts', "import { x } from '@criu-ts/tracee';"],
  ['house/koffi-in-sys', 'packages/tracee/src/x.ts', "import koffi from 'koffi';", 'packages/kernel/src/sys/x.ts', "import koffi from 'koffi';"],
  ['house/koffi-in-sys', 'packages/kernel/src/procfs/x.ts', "await import('koffi');", 'packages/kernel/src/sys/x.ts', "await import('koffi');"],
  ['house/no-koffi-async', 'packages/tracee/src/x.ts', 'ptrace.async(1, 2, done);', 'packages/kernel/src/sys/libc.ts', 'syscall.async(1, 2, done);'],
  ['house/no-child-process', 'packages/core/src/x.ts', "import { spawn } from 'node:child_process';", 'packages/core/src/x.test.ts', "import { spawn } from 'node:child_process';"],
  ['house/core-borders', 'packages/core/src/dump/x.ts', "import { x } from '../restore/plan.js';", 'packages/core/src/dump/x.ts', "import { x } from '../resources/registry.js';"],
  ['house/core-borders', 'packages/core/src/restore/x.ts', "export * from '../dump/stages.js';", 'packages/core/src/restore/x.ts', "export * from './plan.js';"],
  ['house/core-borders', 'packages/core/src/resources/files/pipe.ts', "import { x } from './fifo.js';", 'packages/core/src/resources/files/registry.ts', "import { x } from './pipe.js';"],
  ['house/core-borders', 'packages/core/src/resources/task/creds.ts', "import { x } from './seccomp.js';", 'packages/core/src/resources/task/creds.ts', "import { x } from './core-images.js';"],
  ['house/core-borders', 'packages/core/src/resources/task/creds.ts', "import { x } from '../files/epoll.js';", 'packages/core/src/resources/files/fifo.ts', "import { x } from '../../files/regular-entry.js';"],
  ['house/core-borders', 'packages/core/src/resources/files/pipe.ts', "import { x } from '../../dump/stages.js';", 'packages/core/src/resources/files/pipe.ts', "import { x } from '../../model/task.js';"],
  ['house/core-borders', 'packages/core/src/model/task.ts', "import { x } from '../resources/registry.js';", 'packages/core/src/model/task.ts', "import { x } from './vma.js';"],
  ['house/no-default-export', 'packages/core/src/x.ts', 'export default 1;', 'packages/core/src/x.ts', 'export const x = 1;'],
];

for (const [rule, file, forbidden, allowedFile, allowed] of rows) {
  t.test(`${rule} in ${file}`, async (t) => {
    t.match(await rulesAgainst(file, forbidden), [rule], `forbids ${forbidden}`);
    t.notMatch((await rulesAgainst(allowedFile, allowed)).join(' '), rule, `allows ${allowed} in ${allowedFile}`);
  });
}
