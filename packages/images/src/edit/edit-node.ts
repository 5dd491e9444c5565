import { chmodSync, closeSync, existsSync, fsyncSync, mkdtempSync, openSync, readdirSync, realpathSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { openCheckpoint } from '../checkpoint/open-node.js';
import type { CheckpointSource, OpenOptions } from '../checkpoint/open.js';
import { NodeDirectory } from '../io/node-directory.js';
import { levelOf } from '../verify/finding.js';
import type { Finding, RuleName } from '../verify/finding.js';
import { verifyCheckpoint } from '../verify/verify.js';
import { DiscardingDirectory } from './discard.js';
import { editInto } from './edit.js';
import type { EditIntoOptions } from './edit.js';
import type { Edit } from './edits.js';
import { EditRefused } from './refusal.js';
import type { EditReport } from './report.js';

export interface EditOptions extends Omit<EditIntoOptions, 'linkParent'>, OpenOptions {}

/**
 * An edited copy of a checkpoint in a new directory; with `dryRun` only the report of it. The directory comes to be by a
 * rename when all of it is on disk and passes `verify`: it is complete or not there. The checkpoint itself is only read.
 * @param source a path, of a directory or an archive, or whatever openCheckpoint takes
 * @param outDir must not exist, or be empty
 * @throws EditRefused, ImageCorrupt, the signal's reason, errors of the file system as Node gives them
 */
export async function editCheckpoint(source: string | CheckpointSource, outDir: string, edits: readonly Edit[], options: EditOptions = {}): Promise<EditReport> {
  using checkpoint = await openCheckpoint(source, options);
  const before = damageOf(await verifyCheckpoint(checkpoint, { pages: false }));
  const hopeless = before.find(({ rule }) => !TOLERATED.includes(rule));
  if (hopeless !== undefined) throw new EditRefused('edit-damaged', checkpoint.name, hopeless.message, 'verify tells all that is wrong with it');
  if (options.dryRun === true) return await editInto(checkpoint, new DiscardingDirectory(), edits, { ...options, ...(hasDirectory(checkpoint) && { linkParent: () => undefined }) });
  const out = path.resolve(outDir);
  checkPlace(out, checkpoint);
  const partial = mkdtempSync(path.join(path.dirname(out), `.${path.basename(out)}.partial-`));
  try {
    const report = await fill(partial, checkpoint, edits, options);
    await checkResult(partial, before);
    // A directory that others may read is one that they may read when it was edited, too.
    chmodSync(partial, hasDirectory(checkpoint) ? statSync(checkpoint.files.identity).mode & 0o777 : 0o777 & ~process.umask());
    renameSync(partial, out);
    syncDirectory(path.dirname(out));
    return report;
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

/** What a checkpoint may have without being damaged for a restore: ends of sockets that are outside of it. */
const TOLERATED: readonly RuleName[] = ['dangling-reference'];

const damageOf = (findings: readonly Finding[]): Finding[] => findings.filter((finding) => levelOf(finding) === 'damage');

/** An identity that is an absolute path is that of a directory on disk. */
const hasDirectory = ({ files }: Pick<Checkpoint, 'files'>): boolean => files.identity.startsWith('/');

function checkPlace(out: string, checkpoint: Checkpoint): void {
  if (existsSync(out) && (!statSync(out).isDirectory() || readdirSync(out).length > 0)) throw new EditRefused('edit-refused', out, 'it is there already', 'name a new directory');
  const parent = `${realpathSync(path.dirname(out))}/`;
  if (hasDirectory(checkpoint) && parent.startsWith(`${checkpoint.files.identity}/`)) throw new EditRefused('edit-refused', out, 'it lies in the checkpoint itself, which is only read');
}

async function fill(partial: string, checkpoint: Checkpoint, edits: readonly Edit[], options: EditOptions): Promise<EditReport> {
  using directory = new NodeDirectory(partial);
  // The result lies beside the partial one: what leads from one to the parent does so from the other.
  const linkParent = (parent: Checkpoint['files']): void => symlinkSync(path.relative(realpathSync(partial), parent.identity), path.join(partial, 'parent'));
  const report = await editInto(checkpoint, directory, edits, { ...options, ...(hasDirectory(checkpoint) && { linkParent }) });
  directory.sync();
  return report;
}

/** The result has no damage that the checkpoint did not have. */
async function checkResult(partial: string, before: readonly Finding[]): Promise<void> {
  using result = await openCheckpoint(partial);
  const known = new Set(before.map(({ message }) => message));
  const damage = damageOf(await verifyCheckpoint(result, { pages: false })).find(({ message }) => !known.has(message));
  if (damage !== undefined) throw new EditRefused('edit-damaged', 'the result', `it would not be whole: ${damage.message}`);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
