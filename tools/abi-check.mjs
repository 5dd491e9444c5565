// Holds every constant, struct and system call number of packages/kernel/src/abi against the C headers of this machine:
// makes C files of _Static_asserts and compiles them. Exits 1 and names what differs.
// usage: node tools/abi-check.mjs [--keep DIR] [--abi MODULE]     --keep: leave the C files in DIR     CC: the compiler (gcc)
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { groups, unchecked } from './abi-check-table.mjs';

const root = path.resolve(import.meta.dirname, '..');
const { keep, abi: module = path.join(root, 'packages/kernel/src/abi/index.ts') } = parseArgs({
  options: { keep: { type: 'string' }, abi: { type: 'string' } },
}).values;
const dir = keep ?? mkdtempSync(path.join(tmpdir(), 'abi-check-'));
mkdirSync(dir, { recursive: true });

const bundle = path.join(dir, 'abi.mjs');
await build({
  entryPoints: [module],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  outfile: bundle,
  logLevel: 'warning',
});
const abi = await import(pathToFileURL(bundle).href);

const problems = [];
/** One translation unit per set of headers: libc's and the kernel's do not get on with each other. */
const units = new Map();
const unit = (headers) => {
  const key = headers.join(' ');
  if (!units.has(key)) units.set(key, { headers, asserts: [], macros: new Set(), absentMacros: new Set() });
  return units.get(key);
};
const literal = (value) => (typeof value === 'bigint' ? `${value}ull` : `${value}ll`);

let constants = 0;
let structs = 0;
for (const [name, value] of Object.entries(abi)) {
  if (value instanceof abi.Struct) addStruct(value);
  else if (typeof value === 'object' && typeof value.read !== 'function') addGroup(name, value);
}
for (const name of Object.keys(groups)) if (!(name in abi)) problems.push(`${name} is in the table, but not in the ABI`);

function addGroup(name, group) {
  if (name in unchecked) return;
  const where = groups[name];
  if (where === undefined) {
    problems.push(`${name}: tools/abi-check-table.mjs does not say where C declares it`);
    return;
  }
  const { asserts } = unit(where.headers);
  for (const [key, value] of Object.entries(group)) {
    constants++;
    const symbol = where.prefix + key;
    asserts.push({
      symbol,
      // The cast keeps -1 and 0xffffffff apart, whatever type the header gives the constant.
      text: `_Static_assert((__int128)(${symbol}) == (__int128)${literal(value)}, "${name}.${key}");`,
    });
  }
}

function addStruct(struct) {
  const { header, c, members, since, openEnd } = struct.options;
  if (since?.['*'] !== undefined) return;
  structs++;
  const headers = [header].flat();
  const type = c ?? `struct ${struct.name}`;
  const { asserts } = unit(headers);
  asserts.push({ text: `_Static_assert(sizeof(${type}) == ${struct.size}, "sizeof ${struct.name}");` });
  for (const [field, offset] of Object.entries(struct.offsets)) {
    if (field.startsWith('_') || since?.[field] !== undefined) continue;
    const member = members?.[field] ?? field;
    const label = `${struct.name}.${field}`;
    asserts.push({ text: `_Static_assert(__builtin_offsetof(${type}, ${member}) == ${offset}, "offset of ${label}");` });
    const size = `sizeof(((${type} *)0)->${member})`;
    // A union's last member may be shorter in C than the field that stands for it (sigval: int or pointer).
    asserts.push({ text: `_Static_assert(${size} == ${struct.fields[field].size}${openEnd ? ` || ${size} < 8` : ''}, "size of ${label}");` });
  }
}

const cc = process.env.CC ?? 'gcc';
const run = (args) => spawnSync(cc, ['-D_GNU_SOURCE', '-w', '-fmax-errors=0', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });

/** A symbol that these headers do not know is too new for them: it is listed, not compared. */
const absent = [];
let number = 0;
for (const { headers, asserts } of units.values()) {
  const includes = headers.map((header) => `#include <${header}>\n`).join('');
  const file = path.join(dir, `check-${number++}.c`);
  const lines = asserts.map((assert) => assert.text);
  writeFileSync(file, `${includes}${lines.join('\n')}\n`);
  const { stderr, error } = run(['-fsyntax-only', file]);
  if (error) {
    console.error(`abi-check: cannot run ${cc}: ${error.message}`);
    process.exit(2);
  }
  for (const line of stderr.split('\n')) {
    const hit = /^[^:]*:(\d+):\d+: (?:fatal )?error: (.*)$/.exec(line);
    if (hit === null) continue;
    const assert = asserts[Number(hit[1]) - 1 - headers.length];
    const failed = /static assertion failed: "(.*)"/.exec(hit[2]);
    if (failed !== null) problems.push(`${failed[1]} differs from ${headers.join(', ')}: ${assert?.text ?? ''}`);
    else if (assert?.symbol !== undefined && hit[2].includes(`${assert.symbol}`) && hit[2].includes('undeclared')) absent.push(assert.symbol);
    else if (assert?.symbol === undefined || !absent.includes(assert.symbol)) problems.push(`${headers.join(', ')}: ${hit[2]} (${assert?.text ?? line})`);
  }
}
if (keep === undefined) rmSync(dir, { recursive: true });

const expected = new Set(Object.entries(groups).flatMap(([name, { newer = [] }]) => newer.map((key) => groups[name].prefix + key)));
for (const symbol of absent) if (!expected.has(symbol)) problems.push(`${symbol} is not declared by its headers (a misspelling, or list it under 'newer')`);

for (const problem of problems) console.error(`abi-check: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`abi-check: ${constants - absent.length} constants and ${structs} structs agree with this machine's headers; ${absent.length} constants are newer than those`);
