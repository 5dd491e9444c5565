import type { FeatureState, Finding } from '@criu-ts/core';
import { Unsupported } from '@criu-ts/core';
import t from 'tap';
import { fakeIo, type FakeOptions } from '../fake-io.js';
import { run } from '../run.js';

// The commands that only answer: explain, check.
async function go(args: string, options: FakeOptions = {}) {
  const io = fakeIo(options);
  const code = await run(args.split(' '), io);
  return { code, io, out: io.out, err: io.err };
}

const obstacle: Finding = { severity: 'obstacle', code: 'unsupported-file', message: 'cannot dump fd 7: no', what: 'no', why: 'nobody can', hint: 'close it' };
const warning: Finding = { severity: 'warning', code: 'warning', message: 'process 12 (x): dropped', what: 'dropped' };

t.test('explain: verdict and exit code', async (t) => {
  const cwd = t.testdir({ images: {} });
  const rows: readonly (readonly [name: string, args: string, findings: readonly Finding[], code: number, out: RegExp])[] = [
    ['nothing', 'explain -t 12', [], 0, /^process 12 could be dumped now: nothing stands in the way \(1 process looked at\)\.\n$/],
    ['a warning', 'explain -t 12', [warning], 0, /^warning: process 12 \(x\): dropped\nprocess 12 could be dumped/],
    ['an obstacle', 'explain -t 12', [warning, obstacle], 2, /^obstacle: cannot dump fd 7: no {2}\[unsupported-file\]\n {2}why: nobody can\n {2}do: {2}close it\nwarning: .*\n1 obstacle: process 12 could not be dumped now/],
    ['images', 'explain -D images', [], 0, /images could be restored here now/],
    ['images with obstacles', 'explain -D images', [obstacle, obstacle], 2, /2 obstacles: .*images could not be restored here now/],
  ];
  for (const [name, args, findings, code, out] of rows) t.match(await go(args, { cwd, findings }), { code, out, err: '' }, name);
});

t.test('explain: as JSON', async (t) => {
  const cwd = t.testdir({ images: {} });
  const json = async (args: string): Promise<unknown> => JSON.parse((await go(`${args} --json`, { cwd, findings: [obstacle] })).out);
  t.strictSame(await json('explain -t 12'), { command: 'explain', ok: true, verb: 'dump', pid: 12, possible: false, tasks: 1, findings: [obstacle] });
  t.match(await json('explain -D images'), { verb: 'restore', images: `${cwd}/images`, possible: false });
});

t.test('explain: options reach the API', async (t) => {
  const cwd = t.testdir({ images: {} });
  t.match((await go('explain -t 12 -j --link-remap --ghost-limit 2M -l', { cwd })).io.explained, [{ pid: 12, shellJob: true, linkRemap: true, ghostLimit: 2 ** 21, fileLocks: true, imagesDir: undefined }]);
  t.match((await go('explain -D images --inherit-fd fd[3]:tty[1:2]', { cwd })).io.explained, [{ imagesDir: `${cwd}/images`, inheritFds: [{ fd: 3, resource: 'tty[1:2]' }] }]);
  t.match(await go('explain', { cwd }), { code: 1, err: /a process \(-t PID\) or images \(-D DIR\)/ });
  t.match(await go('explain -t 12', { cwd, error: new Unsupported('x', 'y') }), { code: 1, err: /y {2}\[unsupported-x\]/ }, 'nothing could be found out');
});

const facts = { neededFor: 'tests', without: 'do without', since: '6.1' };
const userns: FeatureState = { name: 'userns', criu: true, category: 'extra', present: true, ...facts };
const kcmp: FeatureState = { name: 'kcmp', criu: false, category: 'basic', present: true, ...facts };
const lacks = (feature: FeatureState): FeatureState => ({ ...feature, present: false, reason: 'forbidden' });

t.test('check: last line and exit code', async (t) => {
  const rows: readonly (readonly [name: string, args: string, features: readonly FeatureState[], code: number, out: RegExp, err: RegExp])[] = [
    ['all there', 'check', [kcmp, userns], 0, /^yes {2}kcmp {4}6\.1 {2}tests\n[^]*\nLooks good\.\n$/, /^$/],
    ['something special is missing', 'check --extra', [kcmp, lacks(userns)], 1, /\nLooks good but some features are missing/, /^Warn {2}\(criu-ts\): userns is missing \(forbidden\)\n {2}needed for: tests\n {2}do: {9}do without\n$/],
    ['something basic is missing', 'check', [lacks(kcmp)], 1, /\nDoes not look good\.\n$/, /^Error \(criu-ts\): kcmp is missing/],
    ['by name', 'check --feature userns', [userns], 0, /^userns is supported\n$/, /^$/],
    ['missing by name', 'check --feature userns', [lacks(userns)], 1, /^$/, /userns is missing/],
    ['names', 'check --feature list', [], 0, /^userns\nkcmp\n$/, /^$/],
    ['no name', 'check --feature nothing', [], 1, /^$/, /unknown feature nothing/],
  ];
  for (const [name, args, features, code, out, err] of rows) t.match(await go(args, { features }), { code, out, err }, name);
  t.equal((await go('check', { features: [kcmp], name: 'criu' })).out, 'Looks good.\n', 'a drop-in says no more');
  t.match(JSON.parse((await go('check --json', { features: [kcmp, lacks(userns)] })).out), { command: 'check', ok: false, good: true, complete: false, features: [kcmp, { name: 'userns', reason: 'forbidden' }] });
});

t.test('check: categories', async (t) => {
  const rows: readonly (readonly [args: string, asked: unknown])[] = [
    ['check', { categories: ['basic'] }],
    ['check --extra', { categories: ['basic', 'extra'] }],
    ['check --experimental', { categories: ['basic', 'experimental'] }],
    ['check --all', { categories: ['basic', 'extra', 'experimental'] }],
    ['check --feature kcmp', { names: ['kcmp'] }],
  ];
  for (const [args, asked] of rows) t.strictSame((await go(args, { features: [kcmp] })).io.checked, [asked], args);
});

t.test('exec-cmd', async (t) => {
  const cwd = t.testdir({});
  t.match(await go('dump -t 1 --exec-cmd -- true', { cwd }), { code: 1, err: /for restore only/ });
  t.match(await go('restore --exec-cmd', { cwd }), { code: 1, err: /needs a command/ });
  t.strictSame((await go('restore --exec-cmd -- sh -c true', { cwd })).io.executed, [['sh', '-c', 'true']]);
});
