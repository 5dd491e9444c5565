import type { Test } from 'tap';
import { directoryFiles } from '../checkpoint/directory-files.js';
import type { ImageFiles } from '../checkpoint/image-files.js';
import { openCheckpoint } from '../checkpoint/open.js';
import { editInto } from '../edit/edit.js';
import type { EditIntoOptions } from '../edit/edit.js';
import type { Edit } from '../edit/edits.js';
import type { EditReport } from '../edit/report.js';
import { ImageSet } from '../image-set.js';
import { MemoryDirectory } from '../io/directory.js';
import { verifyCheckpoint } from '../verify/verify.js';

/** These sets, each one's parent behind it, as the files of a checkpoint. */
export function chainOf(...sets: readonly MemoryDirectory[]): ImageFiles {
  const [set, ...parents] = sets;
  const files = directoryFiles(set!, `set ${sets.length}`);
  return parents.length === 0 ? files : { ...files, parent: async () => chainOf(...parents) };
}

export interface Edited {
  readonly report: EditReport;
  readonly directory: MemoryDirectory;
  readonly set: ImageSet;
}

/** Edits sets in memory. What comes out passes verify, and what went in is as it was. */
export async function edited(t: Test, source: MemoryDirectory | readonly MemoryDirectory[], edits: readonly Edit[], options: EditIntoOptions = {}): Promise<Edited> {
  const sets = Array.isArray(source) ? (source as readonly MemoryDirectory[]) : [source as MemoryDirectory];
  const before = sets.map(({ files }) => new Map([...files].map(([name, bytes]) => [name, bytes.slice()])));
  const directory = new MemoryDirectory();
  try {
    using checkpoint = await openCheckpoint(chainOf(...sets));
    const report = await editInto(checkpoint, directory, edits, options);
    using result = await openCheckpoint(options.linkParent === undefined ? directory : chainOf(directory, ...sets.slice(1)));
    const damage = await verifyCheckpoint(result);
    if (damage.length > 0) t.fail('the result passes verify', { damage });
    return { report, directory, set: new ImageSet(directory) };
  } finally {
    if (sets.some(({ files }, i) => JSON.stringify([...files.keys()]) !== JSON.stringify([...before[i]!.keys()]) || [...files].some(([name, bytes]) => !Buffer.from(bytes).equals(before[i]!.get(name)!)))) t.fail('the source is as it was');
  }
}
