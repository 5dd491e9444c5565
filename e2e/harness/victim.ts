import { readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import type { Exit } from './shepherd.js';
import { lives, stateOf } from './shepherd.js';
import { waitFor } from './wait.js';

export interface VictimInit {
  readonly name: string;
  readonly dir: string;
  readonly out: string;
  readonly go: string;
  readonly pid: number;
  readonly exit: Promise<Exit>;
}

/** The program that is dumped and restored. Its pid stays the same over all of it. */
export class Victim {
  readonly name: string;
  readonly dir: string;
  readonly out: string;
  readonly pid: number;
  /** Of the process that was started; the restored ones are others. */
  readonly exit: Promise<Exit>;
  readonly #go: string;

  constructor(init: VictimInit) {
    ({ name: this.name, dir: this.dir, out: this.out, pid: this.pid, exit: this.exit } = init);
    this.#go = init.go;
  }

  /** Is there a process of this pid that is no zombie? */
  get lives(): boolean {
    return lives(this.pid);
  }

  /** Stopped by a signal or by a tracer. */
  get stopped(): boolean {
    return ['T', 't'].includes(stateOf(this.pid) ?? '');
  }

  /** Lines of the output so far; an unfinished one at the end is left out. */
  lines(): string[] {
    return readFileSync(this.out, 'latin1').split('\n').slice(0, -1);
  }

  /** Waits for a line of the output. @throws where the program ends before, or `timeoutMs` pass */
  async line(wanted: RegExp, timeoutMs = 60_000): Promise<string> {
    const about = (): string => `${wanted} of ${this.name} (pid ${this.pid}); its output:\n${this.lines().slice(-20).join('\n')}`;
    return waitFor(about, () => {
      const living = this.lives; // looked up first: what a dying program wrote last must not be missed
      const found = this.lines().find((line) => wanted.test(line));
      if (found === undefined && !living) throw new Error(`it ended before ${about()}`);
      return found;
    }, timeoutMs);
  }

  /** Waits until it is set up. @returns a reason where the program says that this host can't run it */
  async ready(): Promise<void> {
    await this.line(/^(ready$|skip - )/);
    await waitFor(`${this.name} (pid ${this.pid}) to have written`, () => this.#hasWritten());
  }

  /** What write(2) wrote can be read before the position of the file has moved. */
  #hasWritten(): boolean {
    try {
      if (readlinkSync(`/proc/${this.pid}/fd/1`) !== this.out) return true;
      return Number(/^pos:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/fdinfo/1`, 'latin1'))?.[1]) >= statSync(this.out).size;
    } catch {
      return true; // it has closed it, or it has ended
    }
  }

  /** Why the program can't run on this host; empty where it can. */
  get skipped(): string {
    return this.lines().find((line) => line.startsWith('skip - '))?.slice('skip - '.length) ?? '';
  }

  /** Lets it verify itself. Returns its verdicts: one of each check. */
  async verify(timeoutMs = 60_000): Promise<readonly Verdict[]> {
    writeFileSync(this.#go, '');
    await this.line(/^done$/, timeoutMs);
    return parseVerdicts(this.lines());
  }
}

/** A check of a victim program. */
export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

/** The `ok - …` and `not ok - …` among the lines. */
export function parseVerdicts(lines: readonly string[]): Verdict[] {
  return lines.flatMap((line) => {
    const [, ok, text = ''] = /^(ok|not ok) - (.*)$/.exec(line) ?? [];
    return ok === undefined ? [] : [{ ok: ok === 'ok', text }];
  });
}
