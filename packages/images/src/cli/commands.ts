import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemorySink, MemorySource } from '../io/directory.js';
import { NodeDirectory } from '../io/node-directory.js';
import { ImageSet } from '../image-set.js';
import { imageFromText, imageInfo, imageToPieces } from '../json/image-json.js';
import { writeJson } from '../json/json-text.js';
import { CHECKPOINT_COMMANDS } from './checkpoint-commands.js';
import { listDescriptors } from './explore/fds.js';
import { listMappings } from './explore/mems.js';
import { listProcesses } from './explore/ps.js';
import { listPages } from './explore/rss.js';
import type { Command } from './command.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './terminal.js';

/** As `crit` has it. */
const INDENT = 4;

const FILES = { in: { type: 'string', short: 'i' }, out: { type: 'string', short: 'o' } } as const;

function read(file: string | boolean | undefined, terminal: Terminal): MemorySource {
  if (typeof file !== 'string') return new MemorySource('standard input', terminal.stdin());
  return new MemorySource(path.basename(file), readFileSync(file));
}

function write(file: string | boolean | undefined, what: string | Uint8Array, terminal: Terminal): void {
  if (typeof file === 'string') writeFileSync(file, what);
  else terminal.stdout(typeof what === 'string' ? `${what}\n` : what);
}

/** As `write`, piece by piece; nothing is made where the first one already fails. */
function writePieces(file: string | boolean | undefined, pieces: Iterable<string | Uint8Array>, terminal: Terminal): void {
  const iterator = pieces[Symbol.iterator]();
  let next = iterator.next();
  const fd = typeof file === 'string' ? openSync(file, 'w') : undefined;
  try {
    for (; next.done !== true; next = iterator.next()) {
      if (fd === undefined) terminal.stdout(next.value);
      else writeFileSync(fd, next.value);
    }
    if (fd === undefined) terminal.stdout('\n');
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const EXPLORERS: Readonly<Record<string, (set: ImageSet) => Iterable<string>>> = { ps: listProcesses, fds: listDescriptors, mems: listMappings, rss: listPages };

export const COMMANDS: Readonly<Record<string, Command>> = {
  decode: {
    summary: 'convert an image from binary to JSON',
    usage: '[--pretty] [-i IN] [-o OUT]',
    options: { ...FILES, pretty: { type: 'boolean' } },
    positionals: [],
    help: ['--pretty         several lines, indented, with some numbers in the form of their field', '-i IN, --in IN   the image (standard input by default)', '-o OUT, --out OUT  where the JSON goes (standard output by default)'],
    run({ values }, terminal) {
      const pretty = values.pretty === true;
      writePieces(values.out, imageToPieces(read(values.in, terminal), { pretty }, pretty ? INDENT : undefined), terminal);
    },
  },
  encode: {
    summary: 'convert an image from JSON to binary',
    usage: '[-i IN] [-o OUT]',
    options: FILES,
    positionals: [],
    help: ['-i IN, --in IN   the JSON (standard input by default)', '-o OUT, --out OUT  where the image goes (standard output by default)'],
    run({ values }, terminal) {
      const source = read(values.in, terminal);
      const sink = new MemorySink('image');
      imageFromText(source.read(0, source.size), sink);
      write(values.out, sink.bytes(), terminal);
    },
  },
  info: {
    summary: 'show kind and number of entries of an image',
    usage: 'IN',
    options: {},
    positionals: ['in'],
    help: [],
    run({ positionals: [file] }, terminal) {
      write(undefined, writeJson(imageInfo(read(file, terminal)), INDENT), terminal);
    },
  },
  x: {
    summary: 'explore a directory of images',
    usage: `DIR {${Object.keys(EXPLORERS).join(',')}}`,
    options: {},
    positionals: ['dir', 'what'],
    help: ['ps    the processes', 'fds   their descriptors', 'mems  their mappings', 'rss   their dumped pages'],
    run({ positionals: [dir, what] }, terminal) {
      const explore = Object.hasOwn(EXPLORERS, what!) ? EXPLORERS[what!]! : undefined;
      if (explore === undefined) throw new UsageError(`'${what}' is none of ${Object.keys(EXPLORERS).join(', ')}`);
      using directory = new NodeDirectory(dir!);
      for (const line of explore(new ImageSet(directory))) terminal.stdout(`${line}\n`);
    },
  },
  show: {
    summary: 'convert an image from binary to JSON for people',
    usage: '[--nopl] IN',
    options: { nopl: { type: 'boolean' } },
    positionals: ['in'],
    help: ['--nopl  show sizes in place of payloads'],
    run({ values, positionals: [file] }, terminal) {
      writePieces(undefined, imageToPieces(read(file, terminal), { pretty: true, noPayload: values.nopl === true }, INDENT), terminal);
    },
  },
  ...CHECKPOINT_COMMANDS,
};
