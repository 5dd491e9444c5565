#!/usr/bin/env node
import { readFileSync, writeSync } from 'node:fs';
import { main } from './cli/main.js';

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

process.exitCode = await main(process.argv.slice(2), {
  get version(): string {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
    return version;
  },
  stdin: () => readFileSync(0),
  columns: process.stdout.isTTY ? process.stdout.columns : 0,
  stdout: (what) => put(1, bytesOf(what)),
  stderr: (text) => put(2, bytesOf(text)),
});
