// Compiles native/ with gcc and embeds the results as base64 into packages/tracee/src/gen/native.ts (not committed).
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const cc = process.env.CC ?? 'gcc';
const common = ['-Os', '-Wall', '-Wextra', '-Werror', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-fcf-protection=none', '-fno-asynchronous-unwind-tables', '-Wl,--build-id=none'];
/** Flat code for an anonymous mapping; the linker script puts the entry at 0. */
const blob = (name) => [...common, '-fPIC', '-static', '-Wl,-T,native/blob.ld', '-Wl,--oformat=binary', '-o', `native/dist/${name}.bin`, `native/${name}/${name}.c`];
/** A static program, its only segment above what mmap_min_addr forbids. */
const program = (name) => [...common, '-static', '-no-pie', '-Wl,-N', '-Wl,--no-warn-rwx-segments', '-Wl,-z,noexecstack', '-o', `native/dist/${name}.bin`, `native/${name}/${name}.c`];

mkdirSync('native/dist', { recursive: true });
mkdirSync('packages/tracee/src/gen', { recursive: true });
const parts = { batch: blob('batch'), cpuid: blob('cpuid'), reaper: blob('reaper'), sibling: blob('sibling'), seed: program('seed') };
let text = '// Generated from native/ by tools/build-native.mjs. Not committed.\n';
for (const [name, args] of Object.entries(parts)) {
  execFileSync(cc, args, { stdio: 'inherit' });
  if (name === 'seed') execFileSync('strip', [`native/dist/${name}.bin`]);
  const bytes = readFileSync(`native/dist/${name}.bin`);
  text += `\n/** native/${name}: ${bytes.length} bytes. */\nexport const ${name}Base64 =\n  '${bytes.toString('base64')}';\n`;
  console.log(`native/${name}: ${bytes.length} bytes`);
}
writeFileSync('packages/tracee/src/gen/native.ts', text);
