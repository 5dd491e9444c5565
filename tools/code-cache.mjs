// Makes V8's code caches of the program: they hold what ran before they were written, so something is dumped and restored.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Runs the program so that it writes what it used into its cache. */
export function runForCache(nodeFlags, program, ...args) {
  return spawnSync(process.execPath, [...nodeFlags, program, ...args], {
    env: { ...process.env, CRIU_TS_WRITE_CODE_CACHE: '1', CRIU_CONFIG_FILE: '/dev/null' },
    encoding: 'utf8',
    timeout: 60_000,
  });
}

/**
 * Dumps and restores a process that has what most servers have: a child, threads, sockets, pipes, shared memory.
 * Every run adds to the cache. Where that is not allowed, it stays that of a start, and that is said.
 */
export async function warmCodeCache(nodeFlags, program) {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-warm-'));
  const images = path.join(dir, 'images');
  mkdirSync(images);
  const script = path.resolve('tools/warm-victim.mjs');
  const env = { PATH: process.env.PATH, UV_USE_IO_URING: '0' };
  const victim = spawn(process.execPath, [script, dir], { detached: true, stdio: 'ignore', env });
  const ended = new Promise((resolve) => victim.on('exit', resolve));
  const isVictim = () => existsSync(`/proc/${victim.pid}/cmdline`) && readFileSync(`/proc/${victim.pid}/cmdline`, 'latin1').includes(script);
  try {
    for (let wait = 0; !existsSync(path.join(dir, 'ready')); wait++) {
      if (wait > 1000 || victim.exitCode !== null) {
        console.log('the code cache is only that of a start: the process to be dumped does not start');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const dump = runForCache(nodeFlags, program, 'dump', '-t', String(victim.pid), '-D', images, '--no-default-config');
    if (dump.status === 0) await ended;
    const restore = dump.status === 0 ? runForCache(nodeFlags, program, 'restore', '-d', '-D', images, '--no-default-config') : undefined;
    if (restore?.status !== 0) console.log(`the code cache is only that of a start: ${(restore ?? dump).stderr.split('\n')[0]}`);
  } finally {
    if (isVictim()) process.kill(victim.pid, 'SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}
