import { existsSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../harness/repository.js';
import { waitFor } from '../harness/wait.js';
import { find, freePort, lacks, type RealProgramKind } from './kind.js';
import { startWorkers } from './workers.js';

// Another python may come first in PATH, with a version manager around it.
const python = '/usr/bin/python3';
const sources = path.join(repository, 'e2e/real/sources');

/** Interpreters with signal handlers and an itimer. They print `ticks N`, `rounds N` as they go, `usr1 N` for each signal. */
export const scripts: readonly RealProgramKind[] = [
  script('perl', 'handlers.pl'),
  script('ruby', 'handlers.rb'),
  {
    name: 'python3 with asyncio and a pool of processes',
    skip: existsSync(python) ? false : `no ${python}`,
    rounds: 4,
    start: async (ws) => {
      const port = await freePort();
      return startWorkers(ws, 'python', [python, path.join(sources, 'crowd.py'), String(port)], port);
    },
  },
];

function script(interpreter: string, file: string): RealProgramKind {
  return {
    name: `${interpreter} with signal handlers and an itimer`,
    skip: lacks(interpreter),
    rounds: 5,
    start: async (ws) => {
      const victim = await ws.launch([find(interpreter) ?? '', path.join(sources, file)], interpreter);
      const counts = (what: string): number[] => victim.lines().flatMap((line) => (line.startsWith(`${what} `) ? [Number(line.slice(what.length + 1))] : []));
      /** Waits for a number that is larger than the last so far. */
      const goesOn = async (what: string): Promise<void> => {
        const last = counts(what).at(-1) ?? -1;
        await waitFor(() => `${what} of ${interpreter} to grow: ${victim.lines().slice(-10).join('\n')}`, () => (counts(what).at(-1) ?? -1) > last, 60_000);
      };
      let signals = 0;
      return {
        victim,
        options: [],
        check: async (t) => {
          await goesOn('ticks');
          await goesOn('rounds');
          process.kill(victim.pid, 'SIGUSR1');
          await waitFor('the signal to be handled', () => counts('usr1').at(-1) === signals + 1, 60_000);
          signals++;
          t.same(counts('usr1'), Array.from({ length: signals }, (_, n) => n + 1), 'each signal was handled once');
          for (const what of ['ticks', 'rounds']) {
            const found = counts(what);
            const step = (found[1] ?? 0) - (found[0] ?? 0);
            t.same(found, found.map((_, at) => (found[0] ?? 0) + at * step), `no ${what} are missing, none are there twice`);
          }
        },
        end: async (t) => {
          process.kill(victim.pid, 'SIGTERM');
          await waitFor(`${interpreter} to end`, () => !victim.lives, 30_000);
          t.equal(victim.lines().at(-1), 'term', 'its last handler runs');
        },
      };
    },
  };
}
