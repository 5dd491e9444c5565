#!/usr/bin/env node
// @ts-check
// Looks at checkpoints in a CI job. Usage: node inspect-images.mjs [--max-mib N] [--forbid REGEXP] FOLDER…
// Every image must be whole; no file whose path REGEXP matches may be open; a checkpoint may not be larger than N MiB.
// Prints a table of processes ($GITHUB_STEP_SUMMARY gets it too) and an annotation for each problem; exits 1 where there is one.
import { appendFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { IMAGE_TYPES, imageTypeOfName, isRaw, readPagemap } from '@criu-ts/images';
import { openImageSet } from '@criu-ts/images/node';

const { values, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: { 'max-mib': { type: 'string', default: '1024' }, forbid: { type: 'string', default: '^$' } },
});
const forbidden = new RegExp(values.forbid);
const MIB = 1024 * 1024;
const PAGE = 4096n;
let problems = 0;

/** @param {string} file @param {unknown} what */
function problem(file, what) {
  problems++;
  // What GitHub shows beside the file; elsewhere it is a line of a log.
  console.log(`::error file=${file}::${what instanceof Error ? what.message : String(what)}`);
}

/** @param {string} folder */
function inspect(folder) {
  const set = openImageSet(folder);
  const names = set.directory.list();
  const size = names.reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
  if (size > Number(values['max-mib']) * MIB) problem(folder, `it has ${Math.ceil(size / MIB)} MiB, ${values['max-mib']} are allowed`);

  // Every image that is made of messages is read to its end.
  for (const name of names) {
    const known = imageTypeOfName(name);
    if (known === undefined || isRaw(known.type)) continue;
    try {
      for (const _entry of set.entries(known.type, known.id ?? undefined));
    } catch (error) {
      problem(path.join(folder, name), error);
    }
  }

  /** @type {string[]} */
  const rows = [];
  for (const { pid, ppid, threads } of set.entries(IMAGE_TYPES.pstree)) {
    const { tc } = set.readOne(IMAGE_TYPES.core, pid);
    const pages = set.has(IMAGE_TYPES.pagemap, pid) ? readPagemap(set, IMAGE_TYPES.pagemap, pid).nrPages.reduce((sum, count) => sum + BigInt(count), 0n) : 0n;
    rows.push(`| ${pid} | ${ppid} | ${tc?.comm ?? 'a dead process'} | ${threads.length} | ${(pages * PAGE) / 1024n} |`);
  }
  for (const { reg } of set.readIfPresent(IMAGE_TYPES.files)) {
    if (reg !== undefined && forbidden.test(reg.name)) problem(path.join(folder, 'files.img'), `${reg.name} is open or mapped, which is forbidden`);
  }
  return [`### ${folder}: ${(size / MIB).toFixed(1)} MiB`, '', '| process | parent | name | threads | KiB saved |', '|---|---|---|---|---|', ...rows, ''].join('\n');
}

if (folders.length === 0) problem('.', 'no checkpoint was named');
for (const folder of folders) {
  try {
    const table = inspect(folder);
    console.log(table);
    if (process.env.GITHUB_STEP_SUMMARY) appendFileSync(process.env.GITHUB_STEP_SUMMARY, `${table}\n`);
  } catch (error) {
    problem(folder, error);
  }
}
console.log(problems === 0 ? 'no problems' : `${problems} problems`);
process.exit(problems === 0 ? 0 : 1);
