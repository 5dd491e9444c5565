import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));
/** Why there is no browser, false where there is one. */
export const NO_CHROMIUM: string | false = PROGRAM === undefined ? 'there is no chromium' : false;

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--remote-debugging-pipe'];

interface Answer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** SIGKILL to all of a process group (kill(2), a negative pid); false when nobody is left in it. */
function signalled(group: number): boolean {
  try {
    return process.kill(group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** A page in a headless browser, steered by the DevTools protocol over a pipe. Dispose of it: the browser ends. */
export class Page implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<never>;
  #session: string | undefined;
  #next = 1;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    this.#ended = new Promise((_, reject) => child.once('exit', () => reject(new Error('the browser ended'))));
    this.#ended.catch(() => undefined);
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop()!;
      for (const message of messages) {
        const answer = JSON.parse(message) as Answer;
        if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
      }
    });
  }

  /** A page of these bytes of HTML on disk, loaded whole. */
  static async open(file: string): Promise<Page> {
    const profile = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-chromium-'));
    // A group of its own: the browser's helpers are ended with it.
    const child = spawn(PROGRAM!, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true });
    const page = new Page(child, profile);
    const { targetId } = await page.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await page.send('Target.attachToTarget', { targetId, flatten: true });
    page.#session = sessionId as string;
    await page.send('Page.navigate', { url: `file://${file}` });
    while ((await page.evaluate('document.readyState + location.protocol')) !== 'completefile:') await new Promise((resolve) => setTimeout(resolve, 50));
    return page;
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.#next++;
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) })}\0`);
    const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result ?? {})));
    });
    return Promise.race([answered, this.#ended]);
  }

  /** The value of an expression, or of the promise that it is. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })) as { result: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails) throw new Error(`in the page: ${exceptionDetails.exception?.description ?? expression}`);
    return result.value;
  }

  async key(key: string): Promise<void> {
    for (const type of ['keyDown', 'keyUp']) await this.send('Input.dispatchKeyEvent', { type, key, ...(type === 'keyDown' && key.length === 1 && { text: key }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const group = -this.#child.pid!;
    // Helpers outlive the browser by a moment, and write into the profile as long as they live. Where nobody reaps
    // orphans the group never gets empty: five seconds are enough for the dead.
    for (let tries = 0; tries < 250 && signalled(group); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(this.#profile, { recursive: true, force: true });
  }
}
