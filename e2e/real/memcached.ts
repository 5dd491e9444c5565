import { waitFor } from '../harness/wait.js';
import { ask, find, freePort, lacks, listens, type RealProgramKind, visit } from './kind.js';

const KEYS = 5000;

const valueOf = (key: number): string => `${key} `.repeat((key * 37) % 300);

/** Threads with an epoll each, and a pipe or eventfd to each of them. protocol.txt of memcached tells its words. */
export const memcached: RealProgramKind = {
  name: `memcached with ${KEYS} keys`,
  skip: lacks('memcached'),
  rounds: 3,
  idle: [],
  // CRIU asks for limits of its tasks as a real user of theirs.
  peerBy: ['setpriv', '--ruid=nobody', '--rgid=nogroup', '--clear-groups'],
  start: async (ws) => {
    const port = await freePort();
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    const victim = await ws.launch([find('memcached') ?? '', ...user, '-p', String(port), '-l', '127.0.0.1', '-U', '0', '-t', '4'], 'memcached');
    await listens(victim, port);
    const sets = Array.from({ length: KEYS }, (_, key) => `set key${key} ${key} 0 ${valueOf(key).length} noreply\r\n${valueOf(key)}\r\n`).join('');
    await visit(port, () => ask(port, `${sets}set visits 0 0 1\r\n0\r\n`, /STORED\r\n/));
    let visits = 0;
    return {
      victim,
      options: [],
      check: async (t) => {
        t.equal(await visit(port, () => ask(port, 'incr visits 1\r\n', /\r\n/)), `${++visits}\r\n`, `visit ${visits} is counted`);
        const keys = Array.from({ length: 50 }, (_, i) => (i * 7919 + visits * 104729) % KEYS);
        const answer = await visit(port, () => ask(port, `get ${keys.map((key) => `key${key}`).join(' ')}\r\n`, /END\r\n$/));
        const wanted = keys.map((key) => `VALUE key${key} ${key} ${valueOf(key).length}\r\n${valueOf(key)}\r\n`).join('');
        t.equal(answer, `${wanted}END\r\n`, 'keys have their values');
        t.match(await visit(port, () => ask(port, 'stats\r\n', /END\r\n$/)), new RegExp(`STAT curr_items ${KEYS + 1}\r\n`), 'no key is lost');
      },
      end: async (t) => {
        process.kill(victim.pid, 'SIGTERM');
        await waitFor('memcached to end', () => !victim.lives, 30_000);
        t.ok(true, 'it ends when it is told to');
      },
    };
  },
};
