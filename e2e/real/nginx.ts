import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Assertions } from '../harness/round-trip.js';
import { descendantsOf } from '../harness/shepherd.js';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';
import { find, freePort, get, lacks, listens, type RealProgram, type RealProgramKind, visit } from './kind.js';

const WORKERS = 2;

/** A master and its workers, who have shared memory, a listening socket and a channel each. */
export const nginx: RealProgramKind = { name: `nginx with ${WORKERS} workers`, skip: lacks('nginx'), rounds: 5, idle: [], start: (ws) => startNginx(ws, ''), startForPeer: (ws) => startNginx(ws, 'user root;') };

/** `stub_status` counts requests in memory that the workers share. */
function configuration(dir: string, port: number, answer: string, user: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join(' ');
  return `
daemon off;
${user}
worker_processes ${WORKERS};
pid ${dir}/nginx.pid;
error_log ${dir}/error.log notice;
events { worker_connections 64; }
http {
  access_log ${dir}/access.log;
  ${temporary}
  limit_req_zone $binary_remote_addr zone=visitors:1m rate=1000r/s;
  server {
    listen 127.0.0.1:${port};
    root ${dir};
    location = /answer { return 200 "${answer}"; }
    location = /status { stub_status; }
    location / { limit_req zone=visitors burst=100; }
  }
}
`;
}

async function startNginx(ws: Workspace, user: string): Promise<RealProgram> {
  const port = await freePort();
  const dir = ws.folder(`nginx-of-${port}`);
  const config = path.join(dir, 'nginx.conf');
  const page = `${'a page, '.repeat(10_000)}\n`;
  writeFileSync(config, configuration(dir, port, 'as at first', user));
  writeFileSync(path.join(dir, 'page.txt'), page);
  const victim = await ws.launch([find('nginx') ?? '', '-c', config, '-e', path.join(dir, 'error.log')], 'nginx');
  await listens(victim, port);
  await waitFor('the workers', () => descendantsOf(victim.pid).length === WORKERS, 30_000);
  let requests: number | undefined;
  let fetched = 0;
  const fetch = async (what: string): Promise<string> => {
    fetched++;
    return visit(port, () => get(port, what));
  };
  const check = async (t: Assertions): Promise<void> => {
    t.equal(await fetch('/page.txt'), page, 'it serves a page');
    t.equal(await fetch('/answer'), 'as at first', 'and an answer');
    const status = await fetch('/status');
    const now = Number(/^ \d+ \d+ (\d+) $/m.exec(status)?.[1]);
    const expected = requests === undefined ? now : requests + fetched;
    t.equal(now, expected, 'the workers count requests together');
    [requests, fetched] = [now, 0];
    const logged = readFileSync(path.join(dir, 'access.log'), 'latin1').trimEnd().split('\n');
    t.match(logged.at(-1), /"GET \/status HTTP\/1\.0" 200/, 'the visit is in the log');
  };
  const end = async (t: Assertions): Promise<void> => {
    const old = descendantsOf(victim.pid);
    writeFileSync(config, configuration(dir, port, 'as reloaded', user));
    process.kill(victim.pid, 'SIGHUP');
    await waitFor('new workers', () => {
      const now = descendantsOf(victim.pid);
      return now.length === WORKERS && now.every((pid) => !old.includes(pid));
    }, 30_000);
    t.equal(await get(port, '/answer'), 'as reloaded', 'SIGHUP makes it read its configuration again');
    t.equal(await get(port, '/page.txt'), page, 'and it serves on');
    process.kill(victim.pid, 'SIGQUIT');
    await waitFor('nginx to end', () => !victim.lives, 30_000);
    const complaints = readFileSync(path.join(dir, 'error.log'), 'latin1').split('\n').filter((line) => /\[(alert|crit|emerg)\]/.test(line));
    t.same(complaints, [], 'it found nothing wrong');
  };
  return { victim, options: [], check, end };
}
