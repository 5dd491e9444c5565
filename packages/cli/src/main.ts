// Joins `run` to this process.
import { closeSync, fstatSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Io, LoadCommand } from './io.js';
import { run } from './run.js';

/** Writes all, on the descriptor itself: process.stdout would cost milliseconds at start. */
function write(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A full pipe that somebody made non-blocking; a reader that has gone or was never there is no failure of ours.
      if (code === 'EAGAIN') continue;
      return;
    }
  }
}

/** Columns of the terminal that stderr is; 0 where it is none. */
function columns(): number {
  // Only what looks like a terminal: process.stderr costs 3 ms at start.
  return maybeTerminal(2) && process.stderr.isTTY ? process.stderr.columns || 80 : 0;
}

function maybeTerminal(fd: number): boolean {
  const { rdev } = fstatSync(fd);
  const major = (rdev >> 8) & 0xfff;
  return major === 4 || major === 5 || (major >= 136 && major <= 143);
}

function hasTerminal(): boolean {
  try {
    return [0, 1, 2].some(maybeTerminal);
  } catch {
    return true; // one is closed: see closeTerminals
  }
}

/** Node gives a terminal the modes back that it found (node.cc ResetStdio), unless the descriptor is closed. */
function closeTerminals(): void {
  for (const fd of [0, 1, 2]) if (maybeTerminal(fd)) closeSync(fd);
}

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ends this process; @see endProcess of @criu-ts/core */
type End = (code: number) => never;

/** Runs the command line of this process, and ends it. @param endFast for where Node has no terminal to give its modes back */
export function main(loadCommand: LoadCommand, endFast?: End): void {
  const io: Io = {
    loadCommand,
    name: path.basename(process.argv[1] ?? 'criu-ts') === 'criu' ? 'criu' : 'criu-ts',
    env: process.env,
    cwd: process.cwd(),
    stdout: (text) => write(1, text),
    stderr: (text) => write(2, text),
    columns: columns(),
    leaveTerminal: closeTerminals,
    onInterrupt: (callback) => {
      const heard = (signal: string): void => callback(signal);
      for (const signal of INTERRUPTS) process.once(signal, heard);
      return () => {
        for (const signal of INTERRUPTS) process.removeListener(signal, heard);
      };
    },
  };
  run(process.argv.slice(2), io).then(
    // Nothing may keep us alive: whoever called waits for the exit.
    (code) => (endFast === undefined || hasTerminal() ? process.exit(code) : endFast(code)),
    (error: unknown) => {
      io.stderr(`${io.name}: this should not have happened: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    },
  );
}
