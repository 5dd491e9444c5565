import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { ImageFiles } from '../checkpoint/image-files.js';
import { imageTypeOfName } from '../image-types.js';
import type { ImageDirectory } from '../io/directory.js';
import { othersTurn } from '../io/turn.js';
import { isRaw } from '../layout.js';
import type { MessageType } from '../message/message-type.js';
import { dropTransformation } from './drop-pages.js';
import type { Edit } from './edits.js';
import { envTransformation } from './env.js';
import { isCopied, isPageFile } from './files.js';
import { hostnameTransformation } from './hostname.js';
import { idTransformation } from './ids.js';
import { copyFile, rewriteImage } from './image-writer.js';
import { inetTransformation } from './inet.js';
import { PageChanges } from './page-changes.js';
import { writeAllPages } from './page-files.js';
import { pageTransformation } from './page-storage.js';
import { Patches } from './patches.js';
import { pathTransformation } from './paths.js';
import { redactTransformation } from './redact.js';
import { EditRefused } from './refusal.js';
import { Findings, Outcome } from './report.js';
import type { EditReport } from './report.js';
import type { Asked, Transformation, Work } from './transformation.js';
import { messagesIn } from './walk.js';

export interface EditIntoOptions {
  /** Nothing is to be kept of what is written: pages are not compressed. */
  readonly dryRun?: boolean | undefined;
  /** 'report': an edit that finds nothing to change is no error; 'refuse' by default */
  readonly unmatched?: 'refuse' | 'report' | undefined;
  /** 'report': a redaction may leave what can't be overwritten or looked into, and tells it; 'refuse' by default */
  readonly incomplete?: 'refuse' | 'report' | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Makes the result's `parent` lead to the checkpoint's; where it is not given, parents have to be merged. */
  readonly linkParent?: ((parent: ImageFiles) => void) | undefined;
}

interface Sort {
  readonly kinds: readonly Edit['edit'][];
  readonly make: (asked: Asked<never>) => Transformation;
}

const sort = <Kind extends Edit['edit']>(kinds: readonly Kind[], make: (asked: Asked<Kind>) => Transformation): Sort => ({ kinds, make: make as Sort['make'] });

/** Edits of a row are one transformation. Redaction is last: it must know what the others write or drop. */
const SORTS: readonly Sort[] = [
  sort(['port', 'bind'], inetTransformation),
  sort(['path'], pathTransformation),
  sort(['uid'], (asked) => idTransformation('uid', asked)),
  sort(['gid'], (asked) => idTransformation('gid', asked)),
  sort(['hostname'], hostnameTransformation),
  sort(['env'], envTransformation),
  sort(['drop-pages'], dropTransformation),
  sort(['merge-parents', 'deduplicate', 'pages'], pageTransformation),
  sort(['redact'], redactTransformation),
];

/** Edits that ask for a state of the page files, and are content where it is so already. */
const ALWAYS_MATCHED: readonly Edit['edit'][] = ['deduplicate', 'pages'];
/** Edits of memory: where there are parents, what they have is changed, too. */
const OF_MEMORY: readonly Edit['edit'][] = ['env', 'redact', 'drop-pages'];

/**
 * Writes an edited copy of a checkpoint into an empty directory. The checkpoint is only read; what was written before a
 * refusal is no checkpoint. A few MiB are held, whatever its size, and images other than page contents, queues and removed files.
 * `editCheckpoint` of `@criu-ts/images/node` does the same for paths, all or nothing.
 * @throws EditRefused where an edit is not sound, finds nothing, or meets another; ImageCorrupt; the signal's reason
 */
export async function editInto(checkpoint: Checkpoint, target: ImageDirectory, edits: readonly Edit[], options: EditIntoOptions = {}): Promise<EditReport> {
  if (await checkpoint.images.isBigEndian()) throw new EditRefused('edit-refused', checkpoint.name, 'its images are of a big-endian machine: those are read, not edited');
  const outcomes = edits.map((edit, number) => new Outcome(number, edit));
  const transformations = SORTS.flatMap(({ kinds, make }) => {
    const asked = outcomes.filter(({ edit }) => kinds.includes(edit.edit)).map((outcome) => ({ edit: outcome.edit, outcome }));
    return asked.length === 0 ? [] : [make(asked as never)];
  });
  const payloads = new Map<string, Patches>();
  const work: Work = {
    checkpoint,
    pages: new PageChanges(),
    payload(file) {
      const known = payloads.get(file) ?? new Patches();
      payloads.set(file, known);
      return known;
    },
    findings: new Findings(),
    signal: options.signal,
  };
  await prepareParents(work, edits, options);
  for (const transformation of transformations) await transformation.prepare?.(work);
  await writeImages(target, transformations, work);
  await writeAllPages(target, work, options.dryRun === true);
  judge(outcomes, work.findings, options);
  return { edits: outcomes.map((outcome) => outcome.result()), notes: [...work.findings.notes], notLookedAt: work.findings.notLookedAt, left: work.findings.left, written: sizeOf(target) };
}

async function prepareParents({ checkpoint, pages, findings }: Work, edits: readonly Edit[], { linkParent }: EditIntoOptions): Promise<void> {
  const [, parent] = await checkpoint.chain();
  if (parent === undefined || edits.some(({ edit }) => edit === 'merge-parents')) return;
  if (edits.some(({ edit }) => OF_MEMORY.includes(edit))) {
    pages.merge = true;
    findings.notes.add('pages of the parents are in the result itself: memory was edited, and they stay as they are');
  } else if (linkParent === undefined) throw new EditRefused('edit-refused', `parents of ${checkpoint.name}`, 'nothing can lead to them from the result', 'merge them into it (--merge-parents)');
  else linkParent(parent.files);
}

async function writeImages(target: ImageDirectory, transformations: readonly Transformation[], work: Work): Promise<void> {
  const { checkpoint, findings, signal } = work;
  const tables = transformations.map(({ messages }) => messages).filter((table) => table !== undefined);
  const inspectors = transformations.filter(({ inspect }) => inspect !== undefined);
  for (const name of checkpoint.files.list()) {
    await othersTurn();
    signal?.throwIfAborted();
    if (isPageFile(name)) continue;
    if (!isCopied(name)) {
      findings.notes.add(`${name} is not part of the result`);
      continue;
    }
    const access = checkpoint.files.open(name)!;
    const type = imageTypeOfName(name)?.type;
    const isMessages = type !== undefined && !isRaw(type);
    const changes = isMessages ? tables.filter((table) => Object.keys(table).some((message) => messagesIn(type).has(message))) : [];
    const inspect = inspectors.length === 0 ? undefined : (message: MessageType<object>, value: object): void => inspectors.forEach((one) => one.inspect!(message, value, { file: name }, work));
    // What no edit is about is copied byte for byte.
    if (isMessages && (changes.length > 0 || inspect !== undefined || !work.payload(name).isEmpty)) await rewriteImage(access, type, target, name, { changes, inspect }, work.payload(name));
    else await copyFile(access, target, name);
  }
  if (checkpoint.files.listBeside().length > 0) findings.notes.add('the container’s own files (config.dump, spec.dump …) are not part of the result');
}

function judge(outcomes: readonly Outcome[], findings: Findings, { unmatched, incomplete }: EditIntoOptions): void {
  const idle = outcomes.find(({ edit, changes }) => changes === 0 && !ALWAYS_MATCHED.includes(edit.edit));
  if (idle !== undefined && unmatched !== 'report') throw new EditRefused('edit-unmatched', nameOf(idle), findings.notLookedAt.some(({ object }) => object.startsWith('environment')) && idle.edit.edit === 'env' ? `nothing in the checkpoint is so, as far as it could be looked at: ${findings.notLookedAt[0]!.object}` : 'nothing in the checkpoint is so');
  if (findings.left.length > 0 && incomplete !== 'report') {
    const [first] = findings.left;
    const more = findings.left.length > 1 ? ` (and ${findings.left.length - 1} more places)` : '';
    throw new EditRefused('edit-refused', `${first!.file}: ${first!.object}${more}`, 'what is to be redacted is there, or may be, and can’t be overwritten', 'let it be (--incomplete), and take care of it yourself');
  }
}

/** For messages: an edit without its secret. */
function nameOf({ edit, number }: Outcome): string {
  switch (edit.edit) {
    case 'port':
    case 'bind':
    case 'path':
    case 'uid':
    case 'gid':
      return `${edit.edit} ${edit.from}`;
    case 'env':
      return `environment variable ${edit.name}`;
    case 'drop-pages':
      return `pages to leave out (${edit.kind ?? 'by address'})`;
    case 'redact':
      return `what is to be redacted (edit ${number + 1})`;
    case 'hostname':
    case 'merge-parents':
    case 'deduplicate':
    case 'pages':
      return edit.edit;
  }
}

function sizeOf(target: ImageDirectory): EditReport['written'] {
  const names = target.list();
  const bytes = names.reduce((sum, name) => {
    using source = target.open(name);
    return sum + (source?.size ?? 0);
  }, 0);
  return { files: names.length, bytes };
}

