import { closeSync, openSync, writeSync } from 'node:fs';
import { openCheckpoint } from '../checkpoint/open-node.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { MemoryPiece, ProcessMemory } from '../memory/process-memory.js';
import { HexDump } from '../report/hex.js';
import { countText, safeText, sizeText } from '../report/units.js';
import { printable } from '../views/names.js';
import { searchCheckpoint } from '../search/search.js';
import type { ProcessView } from '../views/process.js';
import type { Arguments, Command } from './command.js';
import { numberOption, processOf } from './process-option.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './terminal.js';
import { WHERE } from './where.js';

const MAX_CONTEXT = 4096;

export const memoryCommand: Command = {
  summary: 'look into the memory of a checkpoint: sizes, bytes, search',
  usage: '[-p PID] [--at START[-END]] [-o FILE] [--search TEXT | --regex RE [-c N]] CHECKPOINT',
  options: { pid: { type: 'string', short: 'p' }, at: { type: 'string' }, out: { type: 'string', short: 'o' }, search: { type: 'string', short: 's' }, regex: { type: 'string', short: 'r' }, context: { type: 'string', short: 'c' } },
  positionals: ['checkpoint'],
  help: [
    WHERE,
    'Without options, how much memory of each process is in the images.',
    '-p PID, --pid PID        its bytes, as far as the images hold them',
    '--at START[-END]         only these, by hexadecimal addresses; a page where no end is given',
    '-o FILE, --out FILE      the bytes themselves into a file, one mapping behind the other',
    '-s TEXT, --search TEXT   where this text is; -p: in that process only',
    '-r RE, --regex RE        the same for a regular expression of JavaScript, bytes being U+0000 to U+00FF to it',
    '-c N, --context N        with N bytes before and behind',
  ],
  async run(args, terminal) {
    const { values, positionals } = args;
    if (values.search !== undefined && values.regex !== undefined) throw new UsageError('--search or --regex, not both');
    using checkpoint = await openCheckpoint(positionals[0]!);
    if (values.search !== undefined || values.regex !== undefined) await search(checkpoint, args, terminal);
    else if (values.pid === undefined && values.at === undefined && values.out === undefined) await sizes(checkpoint, terminal);
    else await bytes(await processOf(checkpoint, numberOption(args, 'pid')), args, terminal);
    return undefined;
  },
};

async function sizes(checkpoint: Checkpoint, terminal: Terminal): Promise<void> {
  terminal.stdout('    PID     dumped  in parents     mapped  NAME\n');
  for (const process of await checkpoint.processes()) {
    if (process.isZombie) continue;
    const memory = await process.memory();
    let [dumped, inherited, mapped] = [0, 0, 0];
    for (const region of memory.regions) {
      const held = await memory.held(region);
      [dumped, inherited, mapped] = [dumped + held.dumped, inherited + held.inherited, mapped + Number(region.end - region.start)];
    }
    terminal.stdout(`${String(process.pid).padStart(7)} ${sizeText(dumped).padStart(10)} ${sizeText(inherited).padStart(11)} ${sizeText(mapped).padStart(10)}  ${safeText(process.name)}\n`);
  }
}

async function bytes(process: ProcessView, args: Arguments, terminal: Terminal): Promise<void> {
  const memory = await process.memory();
  const { out } = args.values;
  const fd = typeof out === 'string' ? openSync(out, 'w', 0o600) : undefined;
  const dump = new HexDump();
  try {
    for await (const piece of piecesOf(memory, args)) {
      if (piece.source !== 'images') continue;
      const read = await piece.read();
      if (fd !== undefined) for (let put = 0; put < read.length; ) put += writeSync(fd, read, put);
      else for (const line of dump.lines(read, piece.address)) terminal.stdout(`${line}\n`);
    }
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

async function* piecesOf(memory: ProcessMemory, { values }: Arguments): AsyncGenerator<MemoryPiece, void, undefined> {
  if (values.at === undefined) {
    for (const region of memory.regions) yield* memory.regionPieces(region);
    return;
  }
  const [, first, last] = /^(?:0x)?([0-9a-f]{1,16})(?:-(?:0x)?([0-9a-f]{1,16}))?$/i.exec(String(values.at)) ?? [];
  if (first === undefined) throw new UsageError(`--at wants hexadecimal addresses, not '${String(values.at)}'`);
  const start = BigInt(`0x${first}`);
  const end = last === undefined ? start + BigInt(memory.pageSize) : BigInt(`0x${last}`);
  // What was asked for by its address and is not there is told.
  for await (const piece of memory.pieces(start, end)) {
    if (piece.source !== 'images') throw new UsageError(`at ${piece.address.toString(16)} the images hold nothing: ${piece.source}`);
    yield piece;
  }
}

async function search(checkpoint: Checkpoint, args: Arguments, terminal: Terminal): Promise<void> {
  const { values } = args;
  const pid = numberOption(args, 'pid');
  const context = numberOption(args, 'context') ?? 0;
  if (context > MAX_CONTEXT) throw new UsageError(`--context is at most ${MAX_CONTEXT}`);
  const only = pid === undefined ? undefined : [(await processOf(checkpoint, pid)).pid];
  let found = 0;
  for await (const match of searchCheckpoint(checkpoint, patternOf(values), { pids: only })) {
    found++;
    const { before, behind } = await around(checkpoint, match.pid, match.address, match.bytes.length, context, match.region.start, match.region.end);
    terminal.stdout(`${match.pid} ${match.address.toString(16).padStart(12, '0')}  ${printable(before)}${context > 0 ? '[' : ''}${printable(match.bytes)}${context > 0 ? ']' : ''}${printable(behind)}  ${match.region.kind} ${safeText(match.region.name)}\n`);
  }
  terminal.stdout(found === 0 ? 'found nowhere\n' : `${countText(found, 'place')}\n`);
}

function patternOf(values: Arguments['values']): string | RegExp {
  if (typeof values.search === 'string') {
    if (values.search === '') throw new UsageError('--search wants a text');
    return values.search;
  }
  try {
    return new RegExp(String(values.regex));
  } catch (error) {
    throw new UsageError(`--regex: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What lies before and behind a match in its mapping, as far as the images hold it. */
async function around(checkpoint: Checkpoint, pid: number, address: bigint, length: number, context: number, start: bigint, end: bigint): Promise<{ before: Uint8Array; behind: Uint8Array }> {
  const memory = await (await checkpoint.process(pid)).memory();
  const behind = address + BigInt(length);
  const from = address - BigInt(context) < start ? start : address - BigInt(context);
  const to = behind + BigInt(context) > end ? end : behind + BigInt(context);
  const read = (at: bigint, until: bigint): Promise<Uint8Array> => (until > at ? memory.read(at, Number(until - at)).catch(() => new Uint8Array(0)) : Promise.resolve(new Uint8Array(0)));
  return { before: await read(from, address), behind: await read(behind, to) };
}
