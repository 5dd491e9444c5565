import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import type { Allowed } from '../harness/proc-compare.js';
import type { Assertions } from '../harness/round-trip.js';
import { descendantsOf } from '../harness/shepherd.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';

/** A running program with a client that knows what its state must be. */
export interface RealProgram {
  readonly victim: Victim;
  /** Options of dump and of restore, as a user of such a program needs them. */
  readonly options: readonly string[];
  /** Looks at the state, changes it, and sees that the program goes on. */
  check(t: Assertions): Promise<void>;
  /** The last look: the program is told to end. */
  end(t: Assertions): Promise<void>;
}

export interface RealProgramKind {
  readonly name: string;
  /** Why it can't run here; `false` where it can. */
  readonly skip: string | false;
  /** It has ptys, whose numbers are to be free. */
  readonly terminals?: true;
  /** How often it is dumped and restored; 10 where absent. */
  readonly rounds?: number;
  /** It does nothing until it is asked: /proc must say the same before and after, but for these. */
  readonly idle?: readonly Allowed[];
  readonly start: (ws: Workspace) => Promise<RealProgram>;
  /** The same as CRIU can dump it: it wants CAP_SYS_RESOURCE for tasks of other users, which not every root has. */
  readonly startForPeer?: (ws: Workspace) => Promise<RealProgram>;
  /** What runs CRIU's dump, where it could not look at the program otherwise. */
  readonly peerBy?: readonly string[];
}

/** Where a program lies, or nothing. Servers lie where only root's PATH leads. */
export function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.map((folder) => path.join(folder, program)).find((file) => path.isAbsolute(file) && existsSync(file));
}

/** tap's skip reason where one of these programs is missing. */
export function lacks(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => find(program) === undefined);
  return missing.length === 0 ? false : `no ${missing.join(', ')} here`;
}

/** Descriptors of a tree that are sockets. */
export function socketsOf(pid: number): number {
  return [pid, ...descendantsOf(pid)].reduce((sum, each) => sum + ownSockets(each), 0);
}

function ownSockets(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')).length;
  } catch {
    return 0; // it ended, or a descriptor was closed meanwhile
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

/** Waits until a server takes connections. */
export async function listens(victim: Victim, port: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const heard = await ask(port, '', /^/).catch((error: unknown) => error as Error);
    if (!(heard instanceof Error)) return visit(port, () => Promise.resolve());
    if (!victim.lives || performance.now() > deadline) throw new Error(`${victim.name} does not listen on port ${port}: ${heard.message}\n${victim.lines().slice(-20).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Connects to a port of loopback, sends the text, and returns what was answered when it matches `until`, or when the server closes. */
export function ask(port: number, text: string, until?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1');
    const end = (error?: Error): void => {
      socket.destroy();
      if (error !== undefined) reject(error);
      else resolve(received);
    };
    socket.setTimeout(30_000, () => end(new Error(`port ${port} does not answer to ${JSON.stringify(text)}; it said ${JSON.stringify(received)}`)));
    socket.setEncoding('latin1');
    socket.on('connect', () => (until?.test('') === true ? end() : socket.write(text, 'latin1')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (until?.test(received) === true) end();
    });
    socket.on('end', () => (until === undefined ? end() : end(new Error(`port ${port} hung up after ${JSON.stringify(received)}`))));
    socket.on('error', end);
  });
}

/** The body of a page. @throws where the server answers with anything but 200 */
export async function get(port: number, page = '/'): Promise<string> {
  const answer = await ask(port, `GET ${page} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
  const [head = '', ...body] = answer.split('\r\n\r\n');
  if (!/^HTTP\/1\.[01] 200 /.test(head)) throw new Error(`port ${port}, page ${page}: ${JSON.stringify(answer.slice(0, 200))}`);
  return body.join('\r\n\r\n');
}

/** Does something with a server, and waits until it has noticed that its client is gone. */
export async function visit<T>(port: number, use: () => Promise<T>): Promise<T> {
  const answer = await use();
  await waitFor(`the server of port ${port} to notice that its client is gone`, () => !connected(port), 30_000);
  return answer;
}

/** States of /proc/net/tcp (include/net/tcp_states.h) in which no process has the server's side of a connection. */
const HELD_BY_NOBODY = new Set(['0A' /* LISTEN */, '06' /* TIME_WAIT */]);

/** Is there a connection to this port? */
function connected(port: number): boolean {
  const own = new RegExp(`^ *\\d+: [0-9A-F]{8}:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ ([0-9A-F]{2}) `, 'gm');
  return [...readFileSync('/proc/net/tcp', 'latin1').matchAll(own)].some(([, state = '']) => !HELD_BY_NOBODY.has(state));
}
