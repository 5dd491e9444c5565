import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Assertions } from '../harness/round-trip.js';
import { repository } from '../harness/repository.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';

const python = '/usr/bin/python3';
/** A shell that nobody's configuration changes. */
export const SHELL = ['/bin/bash', '--norc', '--noprofile'];

/** What {@link Terminal.open} needs. */
export const terminalNeeds = ['python3', 'bash'];

/** A person at a terminal: python3 holds the master of a pty, in whose slave a program runs. */
export class Terminal {
  /** python3; the program in the terminal is its child. */
  readonly victim: Victim;
  /** How much of the screen has been looked at. */
  #seen = 0;

  private constructor(victim: Victim) {
    this.victim = victim;
  }

  static async open(ws: Workspace, program: readonly string[] = SHELL, size = '24x80'): Promise<Terminal> {
    const victim = await ws.launch([python, path.join(repository, 'e2e/real/pty-master.py'), size, ...program], 'terminal');
    await victim.ready();
    return new Terminal(victim);
  }

  type(keys: string): void {
    writeFileSync(path.join(this.victim.dir, 'keys'), keys);
  }

  /** Waits for a text behind the one before. */
  async shows(t: Assertions, text: string, what: string): Promise<void> {
    const fresh = (): string => this.#screen().slice(this.#seen);
    await waitFor(() => `${what}: ${JSON.stringify(text)} in ${JSON.stringify(fresh())}`, () => fresh().includes(text), 30_000);
    this.#seen = this.#screen().indexOf(text, this.#seen) + text.length;
    t.ok(true, what);
  }

  #screen(): string {
    return readFileSync(path.join(this.victim.dir, 'screen'), 'latin1');
  }
}
