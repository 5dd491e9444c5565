import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../harness/repository.js';
import { waitFor } from '../harness/wait.js';
import { freePort, get, listens, type RealProgramKind, visit } from './kind.js';

interface State {
  readonly ticks: number;
  readonly visits: number;
  readonly hashes: number;
  readonly listed: number;
  readonly echoes: number;
  readonly changes: number;
  readonly usr2: number;
  readonly due?: true;
}

/** What must grow all by itself. */
const ACTIVE = ['ticks', 'hashes', 'listed', 'echoes'] as const;

export const nodeServer: RealProgramKind = {
  name: 'node with timers, an HTTP server, a worker and a child',
  skip: false,
  rounds: 3,
  start: async (ws) => {
    const port = await freePort();
    const victim = await ws.launch([process.execPath, path.join(repository, 'e2e/real/sources/timers.mjs'), String(port)], 'node');
    await listens(victim, port);
    const look = async (page: string): Promise<State> => JSON.parse(await visit(port, () => get(port, page))) as State;
    let rounds = 0;
    /** Waits until the state is so. */
    const grows = async (what: string, enough: (state: State) => boolean): Promise<State> => {
      const deadline = performance.now() + 60_000;
      for (;;) {
        const state = await look('/look');
        if (enough(state)) return state;
        if (performance.now() > deadline) throw new Error(`node does not go on: ${what}: ${JSON.stringify(state)}`);
      }
    };
    return {
      victim,
      options: [],
      check: async (t) => {
        rounds++;
        const before = await look('/');
        t.equal(before.visits, rounds, `visit ${rounds} is counted`);
        await grows('timers, worker, pool and child', (state) => ACTIVE.every((what) => state[what] > before[what] + 2));
        writeFileSync(path.join(victim.dir, 'change'), `${rounds}`);
        await grows('the watched folder', ({ changes }) => changes > before.changes);
        process.kill(victim.pid, 'SIGUSR2');
        const after = await grows('the signal', ({ usr2 }) => usr2 === rounds);
        t.equal(after.due, undefined, 'a timer of a thousand seconds is not due');
        t.equal(await visit(port, () => get(port, '/run')), 'still runs programs\n', 'it starts programs');
      },
      end: async (t) => {
        process.kill(victim.pid, 'SIGTERM');
        await waitFor('node to end', () => !victim.lives, 30_000);
        t.ok(true, 'it ends when it is told to');
      },
    };
  },
};
