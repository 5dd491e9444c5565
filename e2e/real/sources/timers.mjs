// Node with what it has: timers, a server, a worker thread, a child process, a pool of threads, a watched folder.
import { createHash } from 'node:crypto';
import { execFile, spawn } from 'node:child_process';
import { readdir, watch } from 'node:fs';
import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';

const state = { ticks: 0, visits: 0, hashes: 0, listed: 0, echoes: 0, changes: 0, usr2: 0, ran: '' };
setInterval(() => state.ticks++, 10);
setTimeout(() => (state.due = true), 1000 * 1000);

const worker = new Worker(
  `const { parentPort } = require('node:worker_threads'); const { createHash } = require('node:crypto');
   setInterval(() => { const h = createHash('sha256'); for (let i = 0; i < 100; i++) h.update('x'.repeat(1000)); parentPort.postMessage(h.digest('hex')); }, 15);`,
  { eval: true },
);
const right = createHash('sha256').update('x'.repeat(100_000)).digest('hex');
worker.on('message', (digest) => (digest === right ? state.hashes++ : process.exit(3)));

const list = () => readdir('/proc/self', (error, names) => {
  if (error !== null || names.length < 10) process.exit(4);
  state.listed++;
  setTimeout(list, 10);
});
list();

const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
const say = () => child.stdin.write(`${state.echoes}\n`);
child.stdout.on('data', (text) => {
  if (text.toString() !== `${state.echoes}\n`) process.exit(5);
  state.echoes++;
  setTimeout(say, 10);
});
say();

watch('.', (_event, name) => name === 'change' && state.changes++);
process.on('SIGUSR2', () => state.usr2++);
const server = createServer((request, response) => {
  if (request.url === '/run') return execFile('/bin/echo', ['still', 'runs', 'programs'], (_error, stdout) => response.end(stdout));
  if (request.url === '/') state.visits++;
  response.end(JSON.stringify(state));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
