import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { coreOf } from '../core-file/core-file.js';
import type { Command } from './command.js';
import { diffCommand } from './diff-command.js';
import { editCommand } from './edit-command.js';
import { inspectCommand } from './inspect-command.js';
import { memoryCommand } from './memory-command.js';
import { numberOption, processOf } from './process-option.js';
import { verifyCommand } from './verify-command.js';
import { WHERE } from './where.js';

/** Commands for a whole checkpoint. */
export const CHECKPOINT_COMMANDS: Readonly<Record<string, Command>> = {
  inspect: inspectCommand,
  core: {
    summary: 'make an ELF core of a process, for gdb',
    usage: '[-p PID] [-o FILE] CHECKPOINT',
    options: { pid: { type: 'string', short: 'p' }, out: { type: 'string', short: 'o' } },
    positionals: ['checkpoint'],
    help: [WHERE, '-p PID, --pid PID    which process; the root of the tree by default', '-o FILE, --out FILE  where the core goes; core.PID by default', 'Then: gdb EXECUTABLE core.PID'],
    async run(args, terminal) {
      using checkpoint = await openCheckpoint(args.positionals[0]!);
      const process = await processOf(checkpoint, numberOption(args, 'pid'));
      const file = typeof args.values.out === 'string' ? args.values.out : `core.${process.pid}`;
      await writePieces(file, coreOf(process));
      terminal.stdout(`${file}: ${process.name}, process ${process.pid}, ${process.tids.length} threads; gdb ${(await process.executable()) ?? 'EXECUTABLE'} ${file}\n`);
    },
  },
  memory: memoryCommand,
  verify: verifyCommand,
  diff: diffCommand,
  edit: editCommand,
};

/** Writes a file piece by piece; one that can't be written whole is taken away again. */
async function writePieces(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  // Nothing is made where there will be nothing: the first piece tells.
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  const fd = openSync(file, 'w', 0o600);
  try {
    ftruncateSync(fd);
    for (let next = first; next.done !== true; next = await iterator.next()) {
      for (let at = 0; at < next.value.length; ) at += writeSync(fd, next.value, at);
    }
  } catch (error) {
    unlinkSync(file);
    throw error;
  } finally {
    closeSync(fd);
  }
}

