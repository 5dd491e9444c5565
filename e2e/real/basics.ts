// Programs that were the first to be dumped: two of `programs/`, python and redis.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../harness/repository.js';
import type { Assertions } from '../harness/round-trip.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';
import { freePort, type RealProgram, type RealProgramKind, socketsOf } from './kind.js';
import { RedisClient } from './redis-client.js';

const python = '/usr/bin/python3';
const redis = '/usr/bin/redis-server';
export const redisKeys = 200_000;

export const basicPrograms: readonly RealProgramKind[] = [
  { name: 'counter', skip: false, start: startCounter },
  { name: 'threads', skip: false, start: startThreads },
  { name: 'python3 with threads and an open SQLite transaction', skip: existsSync(python) ? false : `no ${python}`, start: startPython },
  { name: `redis-server with ${redisKeys} keys and an append-only file`, skip: existsSync(redis) ? false : `no ${redis}`, start: startRedis },
];

async function startCounter(ws: Workspace): Promise<RealProgram> {
  const victim = await ws.start('counter');
  const numbers = (): number[] => victim.lines().filter((line) => /^\d+$/.test(line)).map(Number);
  let seen = -1;
  const check = async (t: Assertions): Promise<void> => {
    const last = await waitFor('the counter to count on', () => numbers().findLast((n) => n > seen));
    t.ok(last > seen, 'it counts on');
    seen = last;
    const gap = numbers().findIndex((n, at) => n !== at);
    t.equal(gap, -1, 'no number is missing, none is there twice');
  };
  return { victim, options: [], check, end: (t) => endByVerdict(t, victim) };
}

async function startThreads(ws: Workspace): Promise<RealProgram> {
  const victim = await ws.start('threads');
  const sums = (): number[] => victim.lines().flatMap((line) => (line.startsWith('sum ') ? [Number(line.slice(4))] : []));
  let seen = 0;
  const check = async (t: Assertions): Promise<void> => {
    const sum = await waitFor('the threads to work on', () => sums().findLast((n) => n > seen));
    t.ok(sum > seen, 'the sum grows');
    seen = sum;
  };
  return { victim, options: [], check, end: (t) => endByVerdict(t, victim) };
}

/** Lets a program of `programs/` verify itself. */
async function endByVerdict(t: Assertions, victim: Victim): Promise<void> {
  const bad = (await victim.verify()).filter((verdict) => !verdict.ok);
  t.same(bad, [], 'and finds all well itself');
}

async function startPython(ws: Workspace): Promise<RealProgram> {
  const script = path.join(repository, 'e2e/real/python-sqlite.py');
  const look = path.join(repository, 'e2e/real/python-sqlite-look.py');
  const victim = await ws.launch([python, script, 'bank.db'], 'python');
  await victim.ready();
  const database = path.join(victim.dir, 'bank.db');
  let asked = 0;
  let rows = 0;
  let committed = 0;
  let counted = 0;
  const ask = async (t: Assertions, order: string): Promise<void> => {
    writeFileSync(path.join(victim.dir, `ask-${asked}`), order);
    const answer = await victim.line(new RegExp(`^answer ${asked} `));
    asked++;
    const [found = -1, open = -1, count = -1, consumed = -1] = [...answer.matchAll(/[a-z_]+ (\d+)(?= |$)/g)].slice(1).map((m) => Number(m[1]));
    t.equal(found, rows, `${order}: ${rows} rows in its transaction`);
    t.equal(open, 1, 'the transaction is open');
    t.ok(count > counted, 'its threads work on');
    t.ok(consumed >= asked - 1, 'the consumer gets what it is sent');
    counted = count;
  };
  const check = async (t: Assertions): Promise<void> => {
    const outside = execFileSync(python, [look, database], { encoding: 'latin1' }).trim();
    t.equal(outside, `rows ${committed} locked 1 ok`, 'others see what is committed, and the lock');
    rows++;
    await ask(t, 'add');
    if (asked % 6 === 5) {
      rows = committed;
      await ask(t, 'rollback');
    } else if (asked % 3 === 2) {
      committed = rows;
      await ask(t, 'commit');
    }
  };
  const end = async (t: Assertions): Promise<void> => {
    committed = rows;
    await ask(t, 'commit');
    await ask(t, 'quit');
    await waitFor('python to end', () => !victim.lives);
    const outside = execFileSync(python, [look, database], { encoding: 'latin1' }).trim();
    t.equal(outside, `rows ${committed} locked 0 ok`, 'the database is whole, the lock is gone');
  };
  // SQLite's lock is a POSIX record lock, which CRIU wants to be asked for.
  return { victim, options: ['--file-locks'], check, end };
}

async function startRedis(ws: Workspace): Promise<RealProgram> {
  const port = await freePort();
  const launch = async (): Promise<Victim> => {
    const data = path.join(ws.dir, 'redis-data');
    mkdirSync(data, { recursive: true });
    const args = ['--port', port, '--bind', '127.0.0.1', '--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--dir', data];
    const victim = await ws.launch([redis, ...args.map(String)], 'redis');
    await victim.line(/Ready to accept connections/);
    return victim;
  };
  let victim = await launch();
  const listening = socketsOf(victim.pid);
  const client = async <T>(use: (client: RedisClient) => Promise<T>): Promise<T> => {
    const connection = await RedisClient.connect(port);
    try {
      return await use(connection);
    } finally {
      await connection.close();
      await waitFor('redis to notice that its client is gone', () => socketsOf(victim.pid) <= listening);
    }
  };
  await client(async (redis) => {
    for (let from = 0; from < redisKeys; from += 10_000) {
      await redis.pipeline(Array.from({ length: 10_000 }, (_, i) => ['SET', `key:${from + i}`, valueOf(from + i)]));
    }
    await redis.pipeline([['SADD', 'set', 'a', 'b', 'c'], ['ZADD', 'sorted', 1, 'one', 2, 'two'], ['SET', 'fleeting', 'x', 'EX', 1000]]);
  });
  let visits = 0;
  const look = async (t: Assertions): Promise<void> =>
    client(async (redis) => {
      t.equal(await redis.call('DBSIZE'), redisKeys + 3 + (visits > 0 ? 1 : 0), 'all keys are there');
      for (let i = 0; i < 20; i++) {
        const key = (i * 7919 + visits * 104729) % redisKeys;
        if ((await redis.call('GET', `key:${key}`)) !== valueOf(key)) t.fail(`key:${key} has another value`);
      }
      t.equal(await redis.call('SCARD', 'set'), 3, 'sets too');
      t.ok(Number(await redis.call('TTL', 'fleeting')) > 800, 'a time to live goes on');
      t.equal(await redis.call('INCR', 'visits'), ++visits, `visit ${visits} is counted`);
    });
  const end = async (t: Assertions): Promise<void> => {
    await client((redis) => redis.call('SHUTDOWN').catch(() => null));
    await waitFor('redis to end', () => !victim.lives);
    victim = await launch(); // what the append-only file says
    await look(t);
    await client((redis) => redis.call('SHUTDOWN').catch(() => null));
  };
  return {
    get victim() {
      return victim;
    },
    options: [],
    check: look,
    end,
  };
}

function valueOf(key: number): string {
  return `value of ${key} ${'.'.repeat(key % 50)}`;
}
