// Runs as the only user program of a box (box.ts): dumps the programs, and restores mutations of their images, all in
// this one process. Speaks lines of JSON. Arguments: SEED FROM TO BOX
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump, restore, type RestoreResult } from '@criu-ts/core';
import { IMAGE_TYPES, ImageSet } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { PROGRAMS } from './box.js';
import { type Files, mutate } from './mutations.js';
import { randomFor } from './random.js';

const [seed = 0, from = 0, to = 0] = process.argv.slice(2, 5).map(Number);
const box = process.argv[5] ?? '';

/** Codes of core's errors, but `bug`: nothing else may come out of restore(). */
const TYPED = /^(unsupported|host)-|^(image-corrupt|tracee-died|syscall-failed|many-problems)$/;

const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const readText = (file: string): string => readFileSync(file, 'latin1');

/** All processes but the shell that started us, and us. */
function strangers(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== 1 && pid !== process.pid);
}

/** Gone, with a moment for whoever reaps. */
async function nobodyLeft(): Promise<number[]> {
  for (let ms = 0; ; ms += ms < 20 ? 1 : 20) {
    const left = strangers();
    if (left.length === 0 || ms > 4000) return left;
    await sleep(ms < 20 ? 1 : 20);
  }
}

function killAll(): void {
  for (const pid of strangers()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
  }
}

interface Subject {
  readonly name: string;
  readonly images: string;
  readonly files: Files;
  /** The program's folder, and a copy of it as it was at the dump. */
  readonly dir: string;
  readonly pristine: string;
  readonly listing: string;
}

/** Names, types and sizes below a folder. */
function listing(dir: string): string {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort().map((name) => {
    const stat = statSync(path.join(dir, name), { throwIfNoEntry: false });
    return `${name} ${stat?.mode.toString(8)} ${stat?.isDirectory() === true ? '' : stat?.size}`;
  }).join('\n');
}

async function prepare(name: string): Promise<Subject> {
  const dir = path.join(box, name);
  const pid = Number(readText(path.join(box, `${name}.pid`)));
  for (const out = path.join(dir, 'out'); !/^ready$/m.test(readText(out)); await sleep(5)) {
    if (!strangers().includes(pid)) say({ broken: `${name} is not ready: ${readText(out)}` });
  }
  const images = path.join(box, 'images', name);
  mkdirSync(images);
  await dump({ pid, imagesDir: images });
  while (strangers().includes(pid)) await sleep(1);
  const pristine = path.join(box, 'pristine', name);
  cpSync(dir, pristine, { recursive: true, preserveTimestamps: true });
  const files = new Map(readdirSync(images).map((file) => [file, new Uint8Array(readFileSync(path.join(images, file)))]));
  return { name, images, files, dir, pristine, listing: listing(dir) };
}

/** Puts the program's folder back to what it was. */
function reset({ dir, pristine, listing: wanted }: Subject): boolean {
  if (listing(dir) === wanted) return false;
  rmSync(dir, { recursive: true, force: true });
  cpSync(pristine, dir, { recursive: true, preserveTimestamps: true });
  return true;
}

/** Pids that the images promise. */
function promised(images: string): number[] {
  using directory = new NodeDirectory(images);
  return new ImageSet(directory).read(IMAGE_TYPES.pstree).map(({ pid }) => pid);
}

/** One restore, whatever comes of it. @returns its outcome, and what is wrong with that */
async function attempt(subject: Subject, leaveStopped: boolean): Promise<{ code: string; problem?: string }> {
  const descriptors = readdirSync('/proc/self/fd').length;
  let code = 'restored';
  let problem: string | undefined;
  let restored: RestoreResult | undefined;
  try {
    restored = await restore({ imagesDir: subject.images, leaveStopped });
    const there = strangers();
    // Whoever runs, with memory or registers that make no sense, may have ended by now.
    const missing = leaveStopped ? promised(subject.images).filter((pid) => !there.includes(pid)) : [];
    if (missing.length > 0) problem = `restored, but ${missing.join(', ')} are missing`;
  } catch (error) {
    const { code: errorCode, stack, cause } = error as { code?: unknown; stack?: unknown; cause?: unknown };
    code = typeof errorCode === 'string' ? errorCode : 'none';
    if (!TYPED.test(code)) problem = `${code} ${String(stack)}\n${cause instanceof Error ? `cause: ${cause.stack}` : ''}`;
    const problems = (error as { problems?: readonly { code: string; stack?: string; cause?: unknown }[] }).problems ?? [];
    for (const one of problems) if (!TYPED.test(one.code)) problem = `${one.stack}\n${one.cause instanceof Error ? `cause: ${one.cause.stack}` : ''}`;
    const left = await nobodyLeft();
    if (left.length > 0) problem = `an error, and processes ${left.join(', ')} are left (${left.map((pid) => readText(`/proc/${pid}/stat`).slice(0, 40)).join('; ')}): ${(error as Error).message}`;
  }
  killAll();
  const ended = await Promise.race([restored?.wait().then(() => true, () => true) ?? true, sleep(10_000, false)]);
  if (!ended) problem ??= 'its end is not told';
  const left = await nobodyLeft();
  if (left.length > 0) problem ??= `processes ${left.join(', ')} can't be ended`;
  const now = readdirSync('/proc/self/fd').length;
  if (now !== descriptors) problem ??= `${now - descriptors} descriptors more than before: ${readdirSync('/proc/self/fd').join(' ')}`;
  return { code, ...(problem !== undefined && { problem }) };
}

const subjects: Subject[] = [];
for (const name of PROGRAMS) subjects.push(await prepare(name));
// As they are, all of them must come back; that also opens what stays open.
await attempt(subjects[0] as Subject, true);
for (const subject of subjects) {
  const { code, problem } = await attempt(subject, false);
  if (code !== 'restored' || problem !== undefined) say({ broken: `${subject.name} unchanged: ${code} ${problem}` });
  reset(subject);
}

for (let index = from; index < to; index++) {
  const random = randomFor(seed, index);
  const subject = random.pick(subjects);
  const { what, changes } = mutate(random, subject.files, subjects.filter((other) => other !== subject).map(({ files }) => files));
  say({ start: index, set: subject.name, what });
  for (const [name, bytes] of changes) {
    if (bytes === undefined) rmSync(path.join(subject.images, name));
    else writeFileSync(path.join(subject.images, name), bytes);
  }
  const { code, problem } = await attempt(subject, random.chance(50));
  const strayed = reset(subject);
  const stray = strayed && code !== 'restored' ? 'files are not as they were' : undefined;
  say({ end: index, code, ...((problem ?? stray) !== undefined && { problem: problem ?? stray }) });
  // In such a box whatever comes next would fail too.
  if (problem !== undefined && strangers().length > 0) process.exit(3);
  for (const name of changes.keys()) writeFileSync(path.join(subject.images, name), subject.files.get(name) ?? '');
}
process.exit(0);
