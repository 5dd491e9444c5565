import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemorySource } from '../io/directory.js';
import type { ByteSource } from '../io/directory.js';
import { openFile } from '../io/node-directory.js';
import { imageFromText, imageToPieces } from '../json/image-json.js';
import type { Arguments, Command } from './command.js';
import { gunzip } from './gunzip.js';
import type { Terminal } from './terminal.js';

/** As `crit` has it. */
export const INDENT = 4;

const FILES = { in: { type: 'string', short: 'i' }, out: { type: 'string', short: 'o' } } as const;

export function read(file: Arguments['values'][string], terminal: Terminal): MemorySource {
  if (typeof file !== 'string') return new MemorySource('standard input', terminal.stdin());
  return new MemorySource(path.basename(file), readFileSync(file));
}

/** The same, a part at a time. */
const open = (file: Arguments['values'][string], terminal: Terminal): ByteSource => (typeof file === 'string' ? openFile(file) : read(file, terminal));

/** Into the file, or to standard output, piece by piece; nothing is made where the first one already fails. Behind text comes a line feed. */
export function writePieces(file: Arguments['values'][string], pieces: Iterable<string | Uint8Array>, terminal: Terminal): void {
  const iterator = pieces[Symbol.iterator]();
  let next = iterator.next();
  let isText = false;
  const fd = typeof file === 'string' ? openSync(file, 'w') : undefined;
  try {
    for (; next.done !== true; next = iterator.next()) {
      isText ||= typeof next.value === 'string';
      if (fd === undefined) terminal.stdout(next.value);
      else writeFileSync(fd, next.value);
    }
    if (fd === undefined && isText) terminal.stdout('\n');
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Those that people call by the hundreds: they have a bundle of their own (tools/bundle-images.mjs). */
export const CODEC_COMMANDS = {
  decode: {
    summary: 'convert an image from binary to JSON',
    usage: '[--pretty] [-i IN] [-o OUT]',
    options: { ...FILES, pretty: { type: 'boolean' } },
    positionals: [],
    help: ['--pretty         several lines, indented, with some numbers in the form of their field', '-i IN, --in IN   the image (standard input by default)', '-o OUT, --out OUT  where the JSON goes (standard output by default)'],
    run({ values }, terminal) {
      const pretty = values.pretty === true;
      writePieces(values.out, imageToPieces(read(values.in, terminal), { pretty, gunzip }, pretty ? INDENT : undefined), terminal);
    },
  },
  encode: {
    summary: 'convert an image from JSON to binary',
    usage: '[-i IN] [-o OUT]',
    options: FILES,
    positionals: [],
    help: ['-i IN, --in IN   the JSON (standard input by default)', '-o OUT, --out OUT  where the image goes (standard output by default)'],
    run({ values }, terminal) {
      using source = open(values.in, terminal);
      writePieces(values.out, imageFromText(source), terminal);
    },
  },
} satisfies Record<string, Command>;
