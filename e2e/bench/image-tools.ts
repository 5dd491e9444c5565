import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../harness/repository.js';
import { median } from './cpu.js';

/** CPU time (user and system) and wall time of a command, ms. */
export interface Times {
  readonly cpu: number;
  readonly wall: number;
}

/** @throws where the command fails */
export function once(command: readonly string[]): Times {
  const run = spawnSync('/bin/bash', ['-c', 'TIMEFORMAT="%U %S %R"; time "$0" "$@" > /dev/null', ...command], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${command.join(' ')}: ${run.stderr}`);
  const [user, system, wall] = run.stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return { cpu: (user! + system!) * 1000, wall: wall! * 1000 };
}

export const middle = (all: readonly Times[]): Times => ({ cpu: median(all.map(({ cpu }) => cpu)), wall: median(all.map(({ wall }) => wall)) });

export const program = path.join(repository, 'packages/images/dist/criu-images.cjs');

/** A program to compare with, and how many times faster than it we must be. */
export interface Peer {
  readonly name: 'crit' | 'go-criu';
  readonly command: readonly string[];
  readonly atLeast: number;
}

/** `CRIT=`, or crit in the tree of `CRIU=`, or the one that is installed; `GO_CRIT=`. Who is missing is told. */
export function findPeers(): Peer[] {
  const tree = process.env['CRIU'] === undefined ? undefined : path.resolve(process.env['CRIU'], '../..');
  // Python looks there for crit and its library.
  if (tree !== undefined) process.env['PYTHONPATH'] = [path.join(tree, 'crit'), path.join(tree, 'lib')].join(':');
  const crit = process.env['CRIT'] !== undefined ? [process.env['CRIT']] : tree !== undefined ? ['/usr/bin/python3', '-m', 'crit'] : ['crit'];
  const all: readonly Peer[] = [
    { name: 'crit', command: crit, atLeast: 10 },
    { name: 'go-criu', command: [process.env['GO_CRIT'] ?? ''], atLeast: 1 },
  ];
  return all.filter(({ name, command: [file, ...args] }) => {
    const run = file === '' ? undefined : spawnSync(file!, [...args, '--help']);
    const isThere = run !== undefined && run.error === undefined && (name !== 'crit' || run.status === 0);
    if (!isThere) console.log(`no ${name} to compare with: name one by ${name === 'crit' ? 'CRIT=path, or CRIU=path of a CRIU in its source tree' : 'GO_CRIT=path'}`);
    return isThere;
  });
}

/** `args` by the name of the tool, run `rounds` times in turn; the middle ones, ours first. */
function inTurn(tools: readonly (readonly string[])[], rounds: number): Times[] {
  const all = tools.map((): Times[] => []);
  for (let round = 0; round < rounds; round++) tools.forEach((command, i) => all[i]!.push(once(command)));
  return all.map(middle);
}

const shown = ({ cpu, wall }: Times): string => `${cpu.toFixed(0)} / ${wall.toFixed(0)}`.padStart(14);

/** A command on a large image, and the same on an image of next to nothing: each program's own start. */
export interface Case {
  readonly what: string;
  readonly args: (tool: string) => readonly string[];
  /** undefined: it is not judged */
  readonly start?: (tool: string) => readonly string[];
  /** ms that the conversion takes in a process that is warm */
  readonly work?: number;
}

/**
 * Times of the whole command beside the peers'. They are judged where the target can be reached: where our start, and the
 * conversion as a warm process does it, would be quick enough. Below, not judged, what is left of each when its own start is
 * taken away: the conversion, and code that runs for the first time.
 * @returns whether the targets were reached
 */
export function beside({ what, args, start, work = 0 }: Case, peers: readonly Peer[], rounds: number): boolean {
  const tools = [{ name: 'ours', command: [process.execPath, program] }, ...peers];
  const commands = tools.map(({ name, command }) => [...command, ...args(name)]);
  const starts = start === undefined ? [] : tools.map(({ name, command }) => [...command, ...start(name)]);
  const times = inTurn([...commands, ...starts], rounds);
  const [mine, ...theirs] = times.slice(0, tools.length) as [Times, ...Times[]];
  const [myStart, ...theirStarts] = times.slice(tools.length);
  let reached = true;
  let line = `${what.padEnd(38)}${shown(mine)}`;
  let rest = `${'  beyond the start'.padEnd(38)}${myStart === undefined ? '' : (mine.cpu - myStart.cpu).toFixed(0).padStart(9)}${''.padStart(5)}`;
  peers.forEach(({ name, atLeast }, i) => {
    const ratio = theirs[i]!.cpu / mine.cpu;
    line += `   ${name}${shown(theirs[i]!)}  ${ratio.toFixed(1)}×`;
    if (myStart === undefined) return;
    const isReachable = theirs[i]!.cpu / atLeast > myStart.cpu + work;
    if (isReachable && ratio < atLeast) reached = false;
    line += ` of ${atLeast}× ${ratio >= atLeast ? 'reached' : isReachable ? 'MISSED' : `out of reach: start and conversion are ${(myStart.cpu + work).toFixed(0)}`}`;
    const [my, their] = [mine.cpu - myStart.cpu, theirs[i]!.cpu - theirStarts[i]!.cpu];
    rest += `   ${name}${their.toFixed(0).padStart(9)}${''.padStart(5)}  ${(their / my).toFixed(1)}× of ${atLeast}×`;
  });
  console.log(line);
  if (myStart !== undefined) console.log(rest);
  return reached;
}

/** Start-ups, in turn: of the interpreters, and of each program on an image of next to nothing. */
export function benchStarts(dir: string, image: string, peers: readonly Peer[], rounds: number): void {
  const empty = path.join(dir, 'empty.cjs');
  writeFileSync(empty, '');
  const rows: (readonly [string, readonly string[]])[] = [['node, with nothing to do', [process.execPath, empty]], ['ours, an image of three entries', [process.execPath, program, 'decode', '-i', image]]];
  if (peers.some(({ name }) => name === 'crit')) rows.push(['python3, with nothing to do', ['/usr/bin/python3', '-c', '0']]);
  for (const { name, command } of peers) rows.push([`${name}, the same image`, [...command, 'decode', '-i', image]]);
  inTurn(rows.map(([, command]) => command), rounds).forEach((times, i) => console.log(`${rows[i]![0].padEnd(38)}${shown(times)}`));
}
