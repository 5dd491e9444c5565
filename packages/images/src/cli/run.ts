import { readFileSync, writeSync } from 'node:fs';
import type { HostJudge } from '../verify/host.js';
import type { Command } from './command.js';
import { main } from './main.js';
import type { Terminal } from './terminal.js';

/** Synchronous: what is written before an exit is out, into a pipe as well. */
function put(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever reads has seen enough: `criu-images show … | head`.
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw error;
    }
  }
}

const bytesOf = (what: string | Uint8Array): Uint8Array => (typeof what === 'string' ? Buffer.from(what) : what);

/** What runs the commands: `criu-images` or `criu-ts`. */
export interface Program {
  readonly name: string;
  readonly version: () => string;
  /** what `verify --host` and `inspect --host` ask; without it they say who could */
  readonly host?: HostJudge;
}

/** Joins the commands to this process: its arguments, its standard streams, its exit code. */
export async function runCommands(program: Program, commands: Readonly<Record<string, Command>>): Promise<void> {
  const terminal: Terminal = {
    name: program.name,
    get version(): string {
      return program.version();
    },
    ...(program.host && { host: program.host }),
    // The stream is only made where it is asked for.
    get columns(): number {
      return process.stdout.isTTY ? process.stdout.columns : 0;
    },
    stdin: () => readFileSync(0),
    stdout: (what) => put(1, bytesOf(what)),
    stderr: (text) => put(2, bytesOf(text)),
  };
  // All is written, and nothing else goes on. An end by itself would take V8's heap apart first, for 2 ms.
  process.exit(await main(process.argv.slice(2), terminal, commands));
}
