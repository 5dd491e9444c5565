import { DROPPABLE } from '../edit/edits.js';
import type { EditReport } from '../edit/report.js';
import type { RefusalCode } from '../edit/refusal.js';
import type { EditRefused } from '../edit/refusal.js';
import { ImageCorrupt } from '../errors.js';
import { countText, safeText, sizeText } from '../report/units.js';
import type { Command } from './command.js';
import { EDIT_OPTIONS, editsOf } from './edit-options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './terminal.js';

const DAMAGED = 1;
/** What a script asks: could it not be done, or was there nothing to do? */
const EXITS: Readonly<Record<RefusalCode, number>> = { 'edit-damaged': DAMAGED, 'edit-refused': 3, 'edit-conflict': 3, 'edit-unmatched': 4 };
const INTERRUPTED = 130;

export const editCommand: Command = {
  summary: 'an edited copy of a checkpoint',
  usage: '[EDIT…] [--dry-run] [--json] CHECKPOINT OUT',
  options: { ...EDIT_OPTIONS, 'dry-run': { type: 'boolean', short: 'n' }, json: { type: 'boolean' }, incomplete: { type: 'boolean' }, 'unmatched-ok': { type: 'boolean' } },
  positionals: ['checkpoint', 'out'],
  optional: ['out'],
  candidates: { compress: ['lz4', 'none'], 'drop-pages': DROPPABLE },
  help: [
    'CHECKPOINT, a directory or an archive, is only read. OUT is a new directory; it is complete, or not there.',
    'Edits can be given together, and most several times. All of them are of what CHECKPOINT has: 80=81 and 81=80 swap.',
    '',
    '--port OLD=NEW      port of TCP and UDP sockets that are bound, listening or not',
    '--bind OLD=NEW      address of the same, IPv4 or IPv6',
    '--keep-connections  what is connected keeps its port and address; otherwise it is an obstacle, because the peer knows them',
    '--path OLD=NEW      beginning of paths, whole names: files, directories, executables, mappings, mounts, unix sockets',
    '--env NAME=VALUE    environment variable, in place: a value has as much room as the old one. With -p PID of one process',
    '--uid OLD=NEW, --gid OLD=NEW  users and groups: credentials of all threads, owners; capabilities stay',
    '--hostname NAME     of the UTS namespaces that the images hold',
    '--redact REGEX, --redact-text TEXT, --redact-file FILE  overwrite what matches by asterisks, in memory, registers, queues,',
    '                    removed files; a FILE has a secret in each line. Bytes are U+0000 to U+00FF to a REGEX; 64 KiB is the',
    '                    longest match. What the program made of a secret (encoded, in parts) is not found',
    '--incomplete        a redaction may leave what it can’t overwrite (names, packed archives), and tells it; otherwise nothing is written',
    '--drop-pages KIND|START-END  leave out pages, so that the program reads zeros: heap, anonymous, shared, memfd, sysv,',
    '                    or addresses of the process -p PID',
    '--merge-parents     pages of an incremental dump’s parents come into OUT',
    '--deduplicate       pages that the parent has, and pages of zeros, are left out',
    '--compress lz4|none, --checksum, --no-checksum  how pages are stored',
    '',
    '-p PID, --pid PID   which process --env and --drop-pages mean',
    '-n, --dry-run       tell what would be done; OUT is not needed',
    '--unmatched-ok      an edit that finds nothing to change is no error',
    '--json              the report, for programs',
    'exit code: 0 done, 1 damaged, 2 wrong command line, 3 refused, 4 an edit found nothing to change; if not 0, OUT is not there',
  ],
  async run({ values, positionals: [checkpoint, out] }, terminal) {
    const edits = editsOf(values);
    const dryRun = values['dry-run'] === true;
    if (out === undefined && !dryRun) throw new UsageError('the following arguments are required: out');
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
    try {
      // Most commands need nothing of it.
      const { editCheckpoint } = await import('../edit/edit-node.js');
      const { editReportText } = await import('../edit/text.js');
      const report = await editCheckpoint(checkpoint!, out ?? '', edits, { dryRun, signal: controller.signal, incomplete: values.incomplete === true ? 'report' : 'refuse', unmatched: values['unmatched-ok'] === true ? 'report' : 'refuse' });
      if (values.json === true) terminal.stdout(`${JSON.stringify({ command: 'edit', ok: true, checkpoint, out: dryRun ? null : out, dryRun, ...report })}\n`);
      else for (const line of [...editReportText(report), lastLine(report, dryRun, out)]) terminal.stdout(`${line}\n`);
      return 0;
    } catch (error) {
      return failed(error, values.json === true, controller.signal.aborted, terminal);
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
    }
  },
};

const lastLine = ({ written }: EditReport, dryRun: boolean, out: string | undefined): string => (dryRun ? 'nothing was written' : `${safeText(out!)}: ${countText(written.files, 'file')}, ${sizeText(written.bytes)}`);

/** Whatever a checkpoint, an edit or the file system is to blame for; the rest is our bug, and is thrown on. */
function failed(error: unknown, json: boolean, interrupted: boolean, terminal: Terminal): number {
  const known = interrupted ? { code: 'interrupted', message: 'interrupted; nothing was written', exit: INTERRUPTED } : knownError(error);
  if (known === undefined) throw error;
  const { exit, ...told } = known;
  if (json) terminal.stdout(`${JSON.stringify({ command: 'edit', ok: false, error: told })}\n`);
  terminal.stderr(`${terminal.name} edit: ${safeText(told.message)}\n${'hint' in told && told.hint !== undefined ? `  do: ${told.hint}\n` : ''}`);
  return exit;
}

interface Known {
  readonly code: string;
  readonly message: string;
  readonly object?: string;
  readonly why?: string;
  readonly hint?: string | undefined;
  readonly exit: number;
}

function knownError(error: unknown): Known | undefined {
  if (error instanceof ImageCorrupt) return { code: error.code, message: error.message, exit: DAMAGED };
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'EditRefused') {
    const { code, message, object, why, hint } = error as EditRefused;
    return { code, message, object, why, hint, exit: EXITS[code] };
  }
  if ('syscall' in error) return { code: 'syscall-failed', message: error.message, exit: 1 };
  return undefined;
}
