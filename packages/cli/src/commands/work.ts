import { type CriuError, toCriuError } from '@criu-ts/core/errors';
import { Interruption } from '../interruption.js';
import type { Io } from '../io.js';
import type { CommandName } from '../options/spec.js';
import type { Values } from '../options/table.js';
import { errorJson, errorText } from '../render/error.js';
import { LEVEL } from '../render/log.js';
import { openSession, type Session } from '../session.js';
import { UsageError } from '../usage-error.js';

/** CRIU says 1 for all failures. */
const FAILED = 1;

/**
 * What all commands do around their work: open the session, stop on signals, tell of failure in three lines (and in the
 * log, and as JSON).
 * @param run calls `uninterruptible()` when its work can't be taken back any more: signals then have their usual effect
 * @returns the exit code
 */
export async function work(
  command: CommandName,
  values: Values,
  io: Io,
  run: (session: Session, uninterruptible: () => void) => Promise<number>,
): Promise<number> {
  const interruption = new Interruption();
  const stopListening = io.onInterrupt((signal) => interruption.abort(new Error(`interrupted by ${signal}`)));
  try {
    using session = openSession(command, values, io, interruption);
    try {
      return await run(session, stopListening);
    } catch (error) {
      session.finish();
      if (error instanceof UsageError) throw error;
      if (interruption.aborted && error === interruption.reason) {
        return report(session, values, io, command, interrupted(error as Error, command));
      }
      return report(session, values, io, command, asCriuError(error));
    }
  } finally {
    stopListening();
  }
}

function report(session: Session, values: Values, io: Io, command: CommandName, error: CriuError): number {
  // A restore ends at the first thing that this host lacks.
  if (command === 'restore' && error.code.startsWith('host-')) error.aftermath ??= `no process is left; ${io.name} explain -D ${session.imagesDir} tells all that stands in the way`;
  const text = errorText(error, io.name, command);
  // Where the log is stderr, the three lines are the log's last ones.
  if (values['log-file'] !== undefined) {
    for (const line of text.trimEnd().split('\n')) session.log.line(LEVEL.error, line);
    session.log.line(LEVEL.error, command === 'dump' ? 'Dumping FAILED.' : 'Restoring FAILED.');
  }
  io.stderr(text);
  if (values.json === true) io.stdout(`${JSON.stringify({ command, ok: false, error: errorJson(error) })}\n`);
  return FAILED;
}

function asCriuError(error: unknown): CriuError {
  // Told by shape, as it may come from another copy of core (another bundle).
  return error instanceof Error && 'code' in error && 'what' in error ? (error as CriuError) : toCriuError(error);
}

function interrupted(reason: Error, command: CommandName): CriuError {
  const facts = {
    code: 'interrupted',
    what: reason.message,
    why: 'a signal asked us to stop',
    hint: `run it again; nothing of this ${command} remains`,
  };
  return Object.assign(new Error(reason.message), facts) as unknown as CriuError;
}
