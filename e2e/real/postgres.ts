import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { descendantsOf, stateOf } from '../harness/shepherd.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';
import { freePort, listens, type RealProgram, type RealProgramKind } from './kind.js';

const ROWS = 20_000;
const versions = '/usr/lib/postgresql';
const bin = existsSync(versions) ? readdirSync(versions).map((version) => path.join(versions, version, 'bin')).findLast((dir) => existsSync(path.join(dir, 'postgres'))) : undefined;

/** A postmaster with its launcher, writers and checkpointer: a System V segment, POSIX and anonymous shared memory, unix and TCP sockets. */
export const postgres: RealProgramKind = {
  name: `PostgreSQL with ${ROWS} rows, run as its own user`,
  skip: bin === undefined ? `no ${versions}/VERSION/bin/postgres` : false,
  rounds: 4,
  idle: [],
  start: (ws) => startPostgres(ws),
  // CRIU dumps System V segments only with an ipc namespace around them.
  startForPeer: (ws) => startPostgres(ws, ['unshare', '--ipc']),
  // And it wants a real user that may ask for the limits of the tasks, or CAP_SYS_RESOURCE, which not every root has.
  peerBy: ['setpriv', '--ruid=postgres', '--rgid=postgres', '--clear-groups'],
};

/** What runs a command as PostgreSQL's user: it refuses to run as root. */
function asUser(): readonly string[] {
  return process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--inh-caps=-all'] : [];
}

/** A database cluster, new and stopped, in a folder of its own. */
function newCluster(ws: Workspace, port: number): string {
  const data = ws.folder(`postgres-of-${port}`);
  const [uid = 0, gid = 0] = ['-u', '-g'].map((what) => Number(execFileSync('id', [what, ...(asUser().length > 0 ? ['postgres'] : [])], { encoding: 'latin1' })));
  chownSync(data, uid, gid);
  const [command = '', ...args] = [...asUser(), path.join(bin ?? '', 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(command, args, { cwd: data, stdio: ['ignore', 'ignore', 'inherit'] });
  return data;
}

/** @param around a command that runs the server: `unshare --ipc` */
export async function startPostgres(ws: Workspace, around: readonly string[] = []): Promise<RealProgram> {
  const port = await freePort();
  const data = newCluster(ws, port);
  const launch = async (): Promise<Victim> => {
    // The launcher is there, but starts no worker, as it does each minute: that might be between a look at the tree and its dump.
    const server = [path.join(bin ?? '', 'postgres'), '-D', data, '-k', data, '-h', '127.0.0.1', '-p', String(port), '-c', 'autovacuum_naptime=1d'];
    const victim = await ws.launch([...around, ...asUser(), ...server], 'postgres');
    await victim.line(/database system is ready to accept connections/, 60_000);
    await listens(victim, port);
    await quiet(victim);
    tidyUp(ws, victim, data, around.length > 0);
    return victim;
  };
  let victim = await launch();
  /** By TCP and by the unix socket in turn. */
  let calls = 0;
  const sql = async (text: string): Promise<string> => {
    const host = calls++ % 2 === 0 ? '127.0.0.1' : data;
    const { stdout } = await promisify(execFile)(path.join(bin ?? '', 'psql'), ['-h', host, '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-qAtX', '-v', 'ON_ERROR_STOP=1', ...text.split('; ').flatMap((statement) => ['-c', statement])]);
    await quiet(victim);
    return stdout.trim();
  };
  await sql(`create table facts (id serial primary key, fact text);
             insert into facts (fact) select 'fact ' || md5(n::text) from generate_series(1, ${ROWS}) n;
             create table visits (id serial primary key, at timestamptz default now())`);
  const sum = `select count(*), md5(string_agg(id || fact, ',' order by id)) from facts`;
  const facts = await sql(sum);
  const started = await sql('select pg_postmaster_start_time()');
  const processes = titles(victim);
  let visits = 0;

  const check: RealProgram['check'] = async (t) => {
    t.same(titles(victim), processes, 'all of its processes are there');
    // A parallel query makes workers, which get a shared memory object of their own.
    const parallel = 'set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; select count(*) from facts';
    const found = await sql(`${sum}; select pg_postmaster_start_time(); ${parallel}`);
    t.same(found.split('\n'), [facts, started, String(ROWS)], 'no row is lost, and it was never started anew');
    visits++;
    // What was written since the last one lies in shared memory: it goes through the checkpointer, which has to be woken.
    const checkpoint = visits % 2 === 0 ? 'checkpoint; ' : '';
    const write = `insert into visits default values; select count(*), max(id) from visits; ${checkpoint}update facts set fact = fact where id % 1000 = 0; select pg_reload_conf()`;
    t.same((await sql(write)).split('\n'), [`${visits}|${visits}`, 't'], `visit ${visits} is written, and SIGHUP reaches it`);
  };
  const end: RealProgram['end'] = async (t) => {
    await stop(victim);
    const lines = victim.lines();
    t.ok(lines.some((line) => line.includes('database system is shut down')), 'it shuts down in an orderly way');
    t.same(lines.filter((line) => /(PANIC|FATAL|ERROR|WARNING|terminated by signal)/.test(line)), [], 'and complained of nothing');
    victim = await launch();
    t.equal(await sql(sum), facts, 'started anew, it has all rows');
    t.equal(await sql('select count(*) from visits'), String(visits), 'of all tables');
    t.notOk(victim.lines().some((line) => line.includes('not properly shut down')), 'and nothing to recover');
    await stop(victim);
  };
  return {
    get victim() {
      return victim;
    },
    options: [],
    check,
    end,
  };
}

/** What it removes itself at an orderly end: else it would stay in the host's memory. @param apart its segment is not the host's */
function tidyUp(ws: Workspace, victim: Victim, data: string, apart: boolean): void {
  const [, segment] = /^ *\d+ +(\d+) *$/m.exec(readFileSync(path.join(data, 'postmaster.pid'), 'latin1')) ?? [];
  const shared = new Set(readFileSync(`/proc/${victim.pid}/maps`, 'latin1').match(/\/dev\/shm\/PostgreSQL\.\d+$/gm));
  ws.afterwards(() => {
    for (const file of shared) rmSync(file, { force: true });
    if (!apart && segment !== undefined && existsSync(path.join(data, 'postmaster.pid'))) spawnSync('ipcrm', ['-m', segment], { stdio: 'ignore' });
  });
}

/** A fast shutdown, as pg_ctl asks for. */
async function stop(victim: Victim): Promise<void> {
  process.kill(victim.pid, 'SIGINT');
  await waitFor('PostgreSQL to end', () => !victim.lives, 60_000);
}

/** What its processes do, as ps tells: `checkpointer`, `walwriter`, … */
function titles(victim: Victim): string[] {
  return descendantsOf(victim.pid).map(titleOf).sort();
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Waits until it serves nobody: what is left lives as long as it does, and the postmaster has buried the others. */
async function quiet(victim: Victim): Promise<void> {
  const lasting = /^postgres: (checkpointer|background writer|walwriter|autovacuum launcher|logical replication launcher|stats collector|io worker \d+)/;
  await waitFor(() => `PostgreSQL to serve nobody: ${titles(victim).join(', ')}`, () => titles(victim).every((title) => lasting.test(title)) && !busy(victim.pid), 60_000);
}

/** Has it a signal or a dead child to care for? */
function busy(pid: number): boolean {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  return children.some((child) => stateOf(Number(child)) === 'Z') || !/^ShdPnd:\s*0+$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
}
