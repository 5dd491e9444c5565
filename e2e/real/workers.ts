import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';
import { ask, listens, type RealProgram, visit } from './kind.js';

/**
 * A program whose threads verify themselves, and which tells each visitor how far they are:
 * `wrong COUNT rounds COUNT COUNT …`, a number for each thread.
 */
export async function startWorkers(ws: Workspace, name: string, argv: readonly string[], port: number): Promise<RealProgram> {
  const victim = await ws.launch(argv, name);
  await listens(victim, port);
  const look = async (): Promise<{ wrong: number; rounds: number[] }> => {
    // Nothing is sent: who closes a connection with something unread in it resets it, and its answer may be lost.
    const answer = await visit(port, () => ask(port, '', /\n$/));
    const [wrong = NaN, ...rounds] = [...answer.matchAll(/\d+/g)].map(Number);
    return { wrong, rounds };
  };
  return {
    victim,
    options: [],
    check: async (t) => {
      const before = await look();
      t.ok(before.rounds.length > 1, `${before.rounds.length} threads`);
      const deadline = performance.now() + 120_000;
      for (let now = before; !now.rounds.every((count, thread) => count > (before.rounds[thread] ?? 0)); now = await look()) {
        if (performance.now() > deadline) throw new Error(`${name}: not all threads go on: ${before.rounds.join(' ')} → ${now.rounds.join(' ')}`);
      }
      t.equal((await look()).wrong, 0, 'all threads go on, and none finds anything wrong');
    },
    end: async (t) => {
      process.kill(victim.pid, 'SIGTERM');
      await waitFor(`${name} to end`, () => !victim.lives, 30_000);
      t.ok(true, 'it ends when it is told to');
    },
  };
}
