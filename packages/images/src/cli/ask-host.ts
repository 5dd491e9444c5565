import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, symlinkSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { ImageFiles } from '../checkpoint/image-files.js';
import type { HostJudge, HostProblem } from '../verify/host.js';
import type { Arguments } from './command.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './terminal.js';

const PIECE = 1024 * 1024;

/** @throws UsageError where the program that runs knows no hosts, and was asked for this one */
export function judgeHostOption({ values }: Arguments, terminal: Terminal): void {
  if (values.host === true && terminal.host === undefined) throw new UsageError('--host asks this host, which the images alone can’t: criu-ts, of @criu-ts/cli, has the same command with --host');
}

/**
 * What keeps a checkpoint from being restored on this host. An archive is unpacked for as long as that takes.
 */
export async function askHost(checkpoint: Checkpoint, where: string, judge: HostJudge): Promise<readonly HostProblem[]> {
  if (statSync(where).isDirectory()) return judge(checkpoint.name);
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-host-'));
  try {
    return await judge(await unpackInto(scratch, (await checkpoint.chain()).map(({ files }) => files)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A directory for each set of the chain, with its parent's link. The first one's path. */
async function unpackInto(scratch: string, chain: readonly ImageFiles[]): Promise<string> {
  for (const [i, files] of chain.entries()) {
    const directory = path.join(scratch, String(i));
    mkdirSync(directory);
    if (i + 1 < chain.length) symlinkSync(path.join('..', String(i + 1)), path.join(directory, 'parent'));
    for (const name of files.list()) await copyOut(files, name, path.join(directory, name));
  }
  return path.join(scratch, '0');
}

async function copyOut(files: ImageFiles, name: string, to: string): Promise<void> {
  const access = files.open(name)!;
  // "wx": no member of an archive leads anywhere by a link that another one made.
  const fd = openSync(to, 'wx', 0o600);
  try {
    for (let at = 0; at < access.size; ) {
      const bytes = await access.read(at, Math.min(PIECE, access.size - at));
      if (bytes.length === 0) break;
      for (let put = 0; put < bytes.length; ) put += writeSync(fd, bytes, put);
      at += bytes.length;
    }
  } finally {
    closeSync(fd);
  }
}
