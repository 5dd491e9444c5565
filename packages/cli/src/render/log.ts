import type { CriuEvent, TaskName } from '@criu-ts/core';

/** CRIU's levels (`-v`), and one more for remote system calls. */
export const LEVEL = { error: 1, warning: 2, info: 3, debug: 4, syscall: 5 } as const;

/** From this level on every line begins with the time (CRIU does so when more than the default is asked for). */
const TIMES_FROM = LEVEL.info;

export interface LogOptions {
  readonly verbosity: number;
  /** An event a line, as JSON. */
  readonly json: boolean;
  readonly write: (line: string) => void;
}

/** The log of a run, in CRIU's format: `(00.012345) Warn  (…): text`. Written line by line, so that it survives our death. */
export class Log {
  readonly #options: LogOptions;
  readonly #start = performance.now();

  constructor(options: LogOptions) {
    this.#options = options;
  }

  line(level: number, text: string): void {
    const { verbosity, json, write } = this.#options;
    if (json || level > verbosity) return;
    const mark = level === LEVEL.error ? 'Error (criu-ts): ' : level === LEVEL.warning ? 'Warn  (criu-ts): ' : '';
    write(`${verbosity >= TIMES_FROM ? timestamp(performance.now() - this.#start) : ''}${mark}${text}\n`);
  }

  event(event: CriuEvent): void {
    const level = levelOf(event);
    if (this.#options.json) {
      if (level <= this.#options.verbosity) this.#options.write(`${JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`);
    } else if (level <= this.#options.verbosity) this.line(level, eventText(event));
  }
}

/** CRIU's `(SS.UUUUUU) `. */
export function timestamp(ms: number): string {
  return `(${(ms / 1000).toFixed(6).padStart(9, '0')}) `;
}

function levelOf(event: CriuEvent): number {
  switch (event.type) {
    case 'warning':
      return LEVEL.warning;
    case 'note':
      return event.detail === true ? LEVEL.debug : LEVEL.info;
    case 'progress':
      return LEVEL.debug;
    case 'syscall':
      return LEVEL.syscall;
    default:
      return LEVEL.info;
  }
}

function eventText(event: CriuEvent): string {
  switch (event.type) {
    case 'stage-begin':
      return `${event.stage}: begins`;
    case 'stage-end':
      return `${event.stage}: ${event.failed === true ? 'failed' : 'done'} after ${event.ms.toFixed(3)} ms`;
    case 'progress':
      return `${event.stage}: ${event.done} of ${event.total} bytes`;
    case 'task-frozen':
      return `frozen: ${taskText(event.task)}, ${event.threads} threads`;
    case 'task-restored':
      return `restored: ${taskText(event.task)}, ${event.threads} threads`;
    case 'tasks-thawed':
      return `${event.state} after ${event.frozenMs.toFixed(3)} ms of standing still`;
    case 'warning':
    case 'note':
      return event.task === undefined ? event.text : `${event.task.pid}: ${event.text}`;
    case 'syscall':
      return `${event.tid}: ${event.text}`;
    case 'statistics':
      return `statistics: ${JSON.stringify(event.stats)}`;
  }
}

function taskText({ pid, comm }: TaskName): string {
  return comm === undefined ? `${pid}` : `${pid} (${comm})`;
}
