import { IMAGE_TYPES } from '../image-types.js';
import { othersTurn } from '../io/turn.js';
import { fileName } from '../layout.js';
import { MAX_READ } from '../memory/async-pages.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import type { StreamMatch, StreamSearch } from '../search/stream-search.js';
import type { ProcessView } from '../views/process.js';
import { pageSizeOf, spaceOf } from './page-changes.js';
import { lookIntoMessage, redactedMessages } from './redact-messages.js';
import { redactPayloads } from './redact-payloads.js';
import { EditRefused } from './refusal.js';
import { matchesOf, searches, secretOf, wholeMatch } from './secret.js';
import type { Secret } from './secret.js';
import type { Asked, Transformation, Work } from './transformation.js';

/**
 * Secrets are overwritten by as many bytes of fill, wherever they are whole. Pages that no pagemap tells of do not come
 * along, nor do parents: all pages are written into the set.
 */
export function redactTransformation(asked: Asked<'redact'>): Transformation {
  const secrets = asked.map(({ edit, outcome }) => secretOf(edit, outcome));
  return {
    async prepare(work) {
      work.pages.rewrite = true;
      for (const process of await work.checkpoint.processes()) if (!process.isZombie) await redactProcess(process, secrets, work);
      await redactSegments(secrets, work);
      await redactPayloads(secrets, work);
      for (const bytes of work.pages.written()) {
        if (secrets.some((secret) => matchesOf(secret, bytes).length > 0)) throw new EditRefused('edit-conflict', 'what is to be redacted', 'another edit writes it into memory');
      }
    },
    messages: redactedMessages(secrets),
    inspect: (type, message, { file }, { findings }) => lookIntoMessage(file, type, message, secrets, findings),
  };
}

/** A search with what is to be done with its matches. */
type Seeker = readonly [StreamSearch, (match: StreamMatch) => void];

async function redactProcess(process: ProcessView, secrets: readonly Secret[], { pages, findings, signal }: Work): Promise<void> {
  const { pid } = process;
  const memory = await process.memory();
  const seekers = secrets.flatMap((secret) => searches(secret).map((search): Seeker => [search, (match) => redactMatch(pid, memory, match, secret, pages)]));
  for (const region of memory.regions) {
    for await (const piece of memory.regionPieces(region)) {
      await othersTurn();
      signal?.throwIfAborted();
      if (piece.source === 'images') {
        const bytes = await piece.read();
        for (const [search, found] of seekers) for (const match of search.push(piece.address, bytes)) found(match);
      } else if (piece.source === 'lazy' || piece.source === 'file') findings.unseen({ object: piece.source === 'file' ? `memory that is as in the mapped file, and not in the images` : 'memory that was left with the page server', pid, length: piece.length });
    }
  }
  for (const [search, found] of seekers) for (const match of search.end()) found(match);
}

function redactMatch(pid: number, memory: ProcessMemory, match: StreamMatch, { outcome, fill }: Secret, pages: Work['pages']): void {
  const { at, bytes } = wholeMatch(match, `process ${pid} at 0x${match.at.toString(16)}`);
  let fresh = false;
  for (let from = at, end = at + BigInt(bytes.length); from < end; ) {
    const region = memory.regionAt(from)!;
    const to = region.end < end ? region.end : end;
    const { space, shift } = spaceOf(pid, region);
    const patches = pages.patches(space);
    const [start, length] = [from - shift, Number(to - from)];
    const written = patches.written(start, length);
    if (written === 'part') throw new EditRefused('edit-conflict', `process ${pid} at 0x${at.toString(16)}`, 'a part of what is to be redacted is written by another edit', 'redact less, or leave the variable out');
    const gone = written === 'all' || pages.drops(space).some((drop) => drop.start <= start && start + BigInt(length) <= drop.end);
    // A segment that another process has mapped, too, was looked at already.
    if (!gone && !(region.segment !== undefined && patches.filled(start, length))) {
      patches.fill(start, length, fill);
      fresh = true;
    }
    from = to;
  }
  const { name, kind } = memory.regionAt(at)!;
  if (fresh) outcome.changed({ object: `memory: ${name || kind}`, pid, address: at.toString(16), length: bytes.length });
}

/** Segments by themselves: parts that nobody maps any more are in the images as well. */
async function redactSegments(secrets: readonly Secret[], work: Work): Promise<void> {
  const { checkpoint, pages, signal } = work;
  const pageSize = await pageSizeOf(checkpoint);
  for (const id of checkpoint.images.ids(IMAGE_TYPES.shmemPagemap)) {
    const file = fileName(IMAGE_TYPES.shmemPagemap, id);
    const layers = (await checkpoint.segment(id, pageSize))!;
    const patches = pages.patches({ kind: 'shmemPagemap', id });
    const seekers = secrets.flatMap(({ outcome, fill, patterns }) =>
      searches({ outcome, fill, patterns }).map((search): Seeker => [
        search,
        (match) => {
          const { at, bytes } = wholeMatch(match, file);
          if (patches.filled(at, bytes.length)) return;
          patches.fill(at, bytes.length, fill);
          outcome.changed({ file, object: 'shared memory, at this offset', address: at.toString(16), length: bytes.length });
        },
      ]),
    );
    for (const run of layers.runs()) {
      for (let done = 0; run.where === 'present' && done < run.pages * pageSize; done += MAX_READ) {
        await othersTurn();
        signal?.throwIfAborted();
        const bytes = await layers.read(run, done, Math.min(MAX_READ, run.pages * pageSize - done));
        for (const [search, found] of seekers) for (const match of search.push(BigInt(run.page * pageSize + done), bytes)) found(match);
      }
    }
    for (const [search, found] of seekers) for (const match of search.end()) found(match);
  }
}
