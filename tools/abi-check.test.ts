import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';

const root = process.cwd();
const abi = path.join(root, 'packages/kernel/src/abi');

/** Runs abi-check over the real ABI with `override` put on top of it. */
function check(dir: string, override: string): { status: number | null; stderr: string } {
  const module = path.join(dir, 'abi.ts');
  writeFileSync(module, `export * from '${abi}/index.ts';\nimport { defineStruct, u32, u64 } from '${abi}/struct.ts';\n${override}\nvoid [defineStruct, u32, u64];\n`);
  const { status, stderr } = spawnSync('node', [path.join(root, 'tools/abi-check.mjs'), '--abi', module], { encoding: 'utf8' });
  return { status, stderr };
}

const skip = spawnSync('gcc', ['--version']).status === 0 ? false : 'no gcc';

t.test('abi-check', { skip }, async (t) => {
  const dir = t.testdir();
  const rows = [
    { name: 'the ABI as it is', override: '', status: 0, stderr: /^$/ },
    { name: 'a wrong constant', override: 'export const EFD = { SEMAPHORE: 2 };', status: 1, stderr: /EFD\.SEMAPHORE differs/ },
    { name: 'a wrong sign', override: 'export const AT = { FDCWD: 4294967196 };', status: 1, stderr: /AT\.FDCWD differs/ },
    { name: 'a wrong system call', override: 'export const SYS = { read: 1 };', status: 1, stderr: /SYS\.read differs/ },
    { name: 'a misspelt constant', override: 'export const EFD = { SEMAPHOR: 1 };', status: 1, stderr: /EFD_SEMAPHOR is not declared/ },
    { name: 'a group nobody checks', override: 'export const NEW = { A: 1 };', status: 1, stderr: /NEW: .* does not say where/ },
    {
      name: 'fields in the wrong order',
      override: "export const epoll_event = defineStruct('epoll_event', { data: u64, events: u32 }, { size: 12, header: ['linux/types.h', 'linux/eventpoll.h'], packed: true });",
      status: 1,
      stderr: /offset of epoll_event\.events differs/,
    },
    {
      name: 'a wrong size',
      override: "export const rlimit = defineStruct('rlimit64', { rlim_cur: u32, rlim_max: u64 }, { size: 16, header: 'linux/resource.h' });",
      status: 1,
      stderr: /size of rlimit64\.rlim_cur differs/,
    },
  ];
  for (const { name, override, status, stderr } of rows) {
    const result = check(dir, override);
    t.equal(result.status, status, name);
    t.match(result.stderr, stderr, name);
  }
});
