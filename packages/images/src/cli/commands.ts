import { NodeDirectory } from '../io/node-directory.js';
import { ImageSet } from '../image-set.js';
import { imageInfo, imageToPieces } from '../json/image-json.js';
import { writeJson } from '../json/json-text.js';
import { CHECKPOINT_COMMANDS } from './checkpoint-commands.js';
import { listDescriptors } from './explore/fds.js';
import { listMappings } from './explore/mems.js';
import { listProcesses } from './explore/ps.js';
import { listPages } from './explore/rss.js';
import { CODEC_COMMANDS, INDENT, read, writePieces } from './codec-commands.js';
import type { Command } from './command.js';
import { gunzip } from './gunzip.js';
import { UsageError } from './terminal.js';

const EXPLORERS: Readonly<Record<string, (set: ImageSet) => Iterable<string>>> = { ps: listProcesses, fds: listDescriptors, mems: listMappings, rss: listPages };

export const COMMANDS: Readonly<Record<string, Command>> = {
  ...CODEC_COMMANDS,
  info: {
    summary: 'show kind and number of entries of an image',
    usage: 'IN',
    options: {},
    positionals: ['in'],
    help: [],
    run({ positionals: [file] }, terminal) {
      terminal.stdout(`${writeJson(imageInfo(read(file, terminal)), INDENT)}\n`);
    },
  },
  x: {
    summary: 'explore a directory of images',
    usage: `DIR {${Object.keys(EXPLORERS).join(',')}}`,
    options: {},
    positionals: ['dir', 'what'],
    candidates: { what: Object.keys(EXPLORERS) },
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
      writePieces(undefined, imageToPieces(read(file, terminal), { pretty: true, noPayload: values.nopl === true, gunzip }, INDENT), terminal);
    },
  },
  ...CHECKPOINT_COMMANDS,
};
