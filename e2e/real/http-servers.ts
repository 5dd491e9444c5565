import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../harness/wait.js';
import { find, freePort, get, lacks, listens, type RealProgramKind, visit } from './kind.js';

interface HttpServer {
  readonly program: string;
  /** What is said of it in the test's title. */
  readonly about: string;
  /** Its arguments, once `files` lie in its folder. */
  readonly args: (at: Place) => readonly string[];
  readonly files?: (at: Place) => Readonly<Record<string, string>>;
  readonly options?: readonly string[];
}

interface Place {
  readonly dir: string;
  readonly port: number;
}

const PAGE = 'the page that they all serve\n';

/** Servers of many kinds of architecture: each has a page, serves it before and after, and its processes are the same ones. */
const servers: readonly HttpServer[] = [
  {
    program: 'lighttpd',
    about: 'one process, epoll',
    files: ({ dir, port }) => ({ 'lighttpd.conf': `server.document-root = "${dir}"\nserver.port = ${port}\nserver.bind = "127.0.0.1"\nserver.errorlog = "${dir}/log"\n` }),
    args: ({ dir }) => ['-D', '-f', `${dir}/lighttpd.conf`],
  },
  {
    program: 'haproxy',
    about: 'master and worker, threads',
    files: ({ dir, port }) => ({
      'haproxy.cfg': `global\n  nbthread 2\ndefaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 60s\nfrontend all\n  bind 127.0.0.1:${port}\n  http-request return status 200 content-type text/plain file ${dir}/page\n`,
    }),
    args: ({ dir }) => ['-W', '-db', '-f', `${dir}/haproxy.cfg`],
  },
  { program: 'busybox', about: 'httpd, a process a visitor', args: ({ dir, port }) => ['httpd', '-f', '-p', `127.0.0.1:${port}`, '-h', dir] },
  { program: 'php', about: 'its built-in server, with a just-in-time compiler', args: ({ dir, port }) => ['-S', `127.0.0.1:${port}`, '-t', dir] },
  {
    program: 'gunicorn',
    about: 'workers forked in advance',
    files: () => ({ 'serves.py': `def app(environ, start):\n    start('200 OK', [])\n    return [open('page', 'rb').read()]\n` }),
    args: ({ dir, port }) => ['--chdir', dir, '-w', '2', '-b', `127.0.0.1:${port}`, 'serves:app'],
  },
];

export const httpServers: readonly RealProgramKind[] = servers.map(({ program, about, args, files, options = [] }) => ({
  name: `${program} (${about})`,
  skip: lacks(program),
  rounds: 2,
  start: async (ws) => {
    const at: Place = { port: await freePort(), dir: ws.folder(`${program}-files`) };
    mkdirSync(at.dir, { recursive: true });
    for (const [name, text] of Object.entries({ page: PAGE, ...files?.(at) })) writeFileSync(path.join(at.dir, name), text);
    const victim = await ws.launch([find(program) ?? '', ...args(at)], program);
    await listens(victim, at.port);
    return {
      victim,
      options,
      check: async (t) => {
        for (let visits = 0; visits < 5; visits++) t.equal(await visit(at.port, () => get(at.port, '/page')), PAGE, 'it serves its page');
      },
      end: async (t) => {
        process.kill(victim.pid, 'SIGTERM');
        await waitFor(`${program} to end`, () => !victim.lives, 60_000);
        t.ok(true, 'it ends when it is told to');
      },
    };
  },
}));
