// Programs wait; they are frozen in the middle, go on with the registers that an image would have, and tell how long it took.
import { constants, setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ERRNO, SIG, SYS, W, WAIT } from '@criu-ts/kernel/abi';
import { kill, wait4 } from '@criu-ts/kernel/sys';
import { FrozenTree, Registers } from '@criu-ts/tracee';
import type { DumpThread } from '../../model/dump-task.js';
import { interruptionOf, mendInterrupted } from './interruption.js';
import { type Interruption, resumeLiving, resumeRegisters } from './restart.js';
import { sampleSleepers } from './sleepers.js';
import { capture, inspect, TestDump, Victim, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims() ?? false;
const NOTHING: Interruption = { read: () => undefined };

/** Exit codes: the call failed with EINTR; how long it took, in hundredths of what it should. */
const FAILED = 255;
const WHOLE = 100;
/** It was frozen in the middle, and made to begin anew. */
const ANEW = 150;
const BETWEEN = (WHOLE + ANEW) / 2;

const absolute = '({ time.tv_sec += begin.tv_sec; time.tv_nsec += begin.tv_nsec; if (time.tv_nsec >= 1000000000) { time.tv_sec++; time.tv_nsec -= 1000000000; } 0; })';

/** What they wait by; `anew`: no kernel tells what was left, so it begins anew. */
const WAITS: readonly { readonly name: string; readonly call: string; readonly nr: number; readonly anew?: true }[] = [
  { name: 'nanosleep with a place for the rest', call: 'syscall(SYS_nanosleep, &time, &rest)', nr: SYS.nanosleep },
  { name: 'nanosleep without', call: 'syscall(SYS_nanosleep, &time, NULL)', nr: SYS.nanosleep },
  { name: 'clock_nanosleep, relative, with a place for the rest', call: 'syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &rest)', nr: SYS.clock_nanosleep },
  { name: 'clock_nanosleep, relative, without', call: 'syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &time, NULL)', nr: SYS.clock_nanosleep },
  { name: 'clock_nanosleep, absolute', call: `(${absolute}, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL))`, nr: SYS.clock_nanosleep },
  { name: 'poll', call: 'syscall(SYS_poll, &one, 1, ms)', nr: SYS.poll },
  { name: 'ppoll', call: 'syscall(SYS_ppoll, &one, 1, &time, &none, 8)', nr: SYS.ppoll },
  { name: 'select', call: 'syscall(SYS_select, 0, NULL, NULL, NULL, &tv)', nr: SYS.select },
  { name: 'pselect6', call: 'syscall(SYS_pselect6, 0, NULL, NULL, NULL, &time, NULL)', nr: SYS.pselect6 },
  { name: 'epoll_wait', call: 'syscall(SYS_epoll_wait, epoll, &event, 1, ms)', nr: SYS.epoll_wait },
  { name: 'epoll_pwait', call: 'syscall(SYS_epoll_pwait, epoll, &event, 1, ms, &none, 8)', nr: SYS.epoll_pwait },
  { name: 'epoll_pwait2', call: 'syscall(SYS_epoll_pwait2, epoll, &event, 1, &time, &none, 8)', nr: SYS.epoll_pwait2 },
  { name: 'futex, relative', call: 'syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &time)', nr: SYS.futex, anew: true },
  { name: 'futex, absolute', call: `(${absolute}, syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 5, &time, NULL, 1))`, nr: SYS.futex },
  { name: 'rt_sigtimedwait', call: '(sigprocmask(SIG_BLOCK, &none, NULL), syscall(SYS_rt_sigtimedwait, &none, NULL, &time, 8))', nr: SYS.rt_sigtimedwait, anew: true },
  {
    name: 'semtimedop',
    call: '({ int set = semget(IPC_PRIVATE, 1, 0600); struct sembuf op = { 0, -1, 0 }; long r = syscall(SYS_semtimedop, set, &op, 1, &time); int e = errno; semctl(set, 0, IPC_RMID); errno = e; r; })',
    nr: SYS.semtimedop,
    anew: true,
  },
  { name: 'recv with SO_RCVTIMEO', call: '(setsockopt(queue[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), recv(queue[0], &word, 1, 0))', nr: SYS.recvfrom, anew: true },
];

/** It takes the number of the call, how many ms it is to wait, and whether there is a handler. */
const PROGRAM = `
static void handler(int signal) {}
int main(int argc, char **argv) {
  long ms = atoi(argv[2]);
  struct timespec begin, end;
  int fd[2], epoll = epoll_create1(0), queue[2];
  CHECK(pipe(fd));
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, queue));
  struct epoll_event event = { EPOLLIN };
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd[0], &event));
  struct pollfd one = { fd[0], POLLIN };
  struct timespec time = { ms / 1000, ms % 1000 * 1000000 }, rest = { 77, 77 };
  struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
  uint32_t word = 5;
  sigset_t none; sigemptyset(&none); sigaddset(&none, SIGUSR2);
  long result;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  if (argc > 3) signal(SIGUSR1, handler);
  switch (atoi(argv[1])) {
${WAITS.map(({ call }, i) => `  case ${i}: result = ${call}; break;`).join('\n')}
  }
  int error = errno;
  clock_gettime(CLOCK_MONOTONIC, &end);
  long hundredths = ((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000) * 100 / ms;
  if (result < 0 && error == EINTR) _exit(${FAILED});
  _exit(hundredths < ${FAILED} ? hundredths : ${FAILED - 1});
}`;

const numberOf = (name: string): number => WAITS.findIndex((row) => row.name === name);

/** One that waits already. */
function waiting(number: number, ms: number, ...more: readonly string[]): Victim {
  return new Victim('waiting', PROGRAM, [String(number), String(ms), ...more]).untilBlockedIn([(WAITS[number] as (typeof WAITS)[number]).nr]);
}

/** Looks at it as dump does, and does something with its thread. @param signal that it is sent meanwhile */
function frozen(victim: Victim, look: (thread: DumpThread) => void, signal = 0): void {
  const sleepers = sampleSleepers(victim.pid);
  using tree = FrozenTree.freeze(victim.pid, { timeout: 60_000 });
  kill(victim.pid, signal);
  const task = inspect(victim.pid, tree, sleepers);
  capture(task, new TestDump());
  task.threads.forEach(look);
}

/** The registers that an image would have become its own. */
function goOn(t: Test, name: string, victim: Victim): void {
  frozen(victim, (thread) => {
    const resumed = resumeRegisters(thread.registers, interruptionOf(thread, thread.core));
    t.equal(resumed.get('rip'), thread.registers.get('rip') - 2n, `${name}: the call is made again`);
    resumed.set('origRax', -1n);
    thread.tracee.setRegisters(resumed);
  });
}

/** Its exit code. */
async function ended(victim: Victim): Promise<number> {
  for (;;) {
    const waited = wait4(victim.pid, WAIT.ALL | W.NOHANG);
    if (waited !== undefined) return 'status' in waited ? waited.status >> 8 : -1;
    await setTimeout(2);
  }
}

function tookItsTime(t: Test, name: string, code: number, [least, below]: readonly [number, number]): void {
  t.ok(code >= least - 1 && code < below, `${name}: ${code} %`);
}

const AS_LONG: readonly [number, number] = [WHOLE, BETWEEN];
/** A kernel that tells what is left would show as a shorter time. It was frozen at the end at the latest. */
const LONGER: readonly [number, number] = [ANEW, 2 * WHOLE + WHOLE / 4];

/** What happens to those that wait meanwhile. */
const SCENES: readonly { readonly name: string; readonly number: number; play(t: Test, name: string, victim: Victim, ms: number): Promise<void> }[] = [
  ...WAITS.map(({ name, anew }, number) => ({
    name: `frozen in the middle: ${name}`,
    number,
    async play(t: Test, name: string, victim: Victim, ms: number) {
      await setTimeout(ms / 2);
      goOn(t, name, victim);
      tookItsTime(t, name, await ended(victim), anew ? LONGER : AS_LONG);
    },
  })),
  ...['nanosleep with a place for the rest', 'nanosleep without', 'clock_nanosleep, relative, with a place for the rest', 'clock_nanosleep, relative, without', 'poll'].map((name) => ({
    name: `frozen for the second time, by then in restart_syscall: ${name}`,
    number: numberOf(name),
    async play(t: Test, name: string, victim: Victim, ms: number) {
      FrozenTree.freeze(victim.pid, { timeout: 60_000 })[Symbol.dispose]();
      await setTimeout(ms / 2);
      victim.untilBlockedIn([SYS.restart_syscall]);
      t.equal(sampleSleepers(victim.pid).get(victim.pid)?.restarted, WAITS[this.number]?.nr, `${name}: where it sleeps tells the call`);
      goOn(t, name, victim);
      tookItsTime(t, name, await ended(victim), AS_LONG);
    },
  })),
  {
    name: 'poll in a process that lives on is made again, shorter',
    number: numberOf('poll'),
    async play(t, name, victim, ms) {
      for (let round = 0; round < 3; round++) {
        await setTimeout(ms / 6);
        frozen(victim.untilBlockedIn([SYS.poll]), mendInterrupted);
      }
      tookItsTime(t, name, await ended(victim), AS_LONG);
    },
  },
  {
    name: 'the kernel does not continue epoll_wait in a process that lives on: we do',
    number: numberOf('epoll_wait'),
    async play(t, name, victim) {
      frozen(victim, mendInterrupted);
      tookItsTime(t, name, await ended(victim), AS_LONG);
    },
  },
  {
    name: 'without us epoll_wait gets EINTR',
    number: numberOf('epoll_wait'),
    async play(t, name, victim) {
      frozen(victim, () => {});
      t.equal(await ended(victim), FAILED, name);
    },
  },
];

/** ms that a look takes now, when others want the CPUs too. */
function lookTime(): number {
  using victim = waiting(numberOf('nanosleep without'), 100_000);
  const begin = performance.now();
  for (let i = 0; i < 5; i++) frozen(victim, () => {});
  return (performance.now() - begin) / 5;
}

t.test('all that wait, at the same time', { skip, timeout: 400_000 }, async (t) => {
  // Times are measured here, whoever else wants the CPUs: the programs have our priority.
  setPriority(constants.priority.PRIORITY_HIGHEST);
  t.teardown(() => setPriority(constants.priority.PRIORITY_NORMAL));
  // All are looked at between the middle and the end: four times as long as that takes, and much more where it is quick.
  const ms = Math.round(4000 + lookTime() * SCENES.length * 8);
  t.comment(`all wait for ${ms} ms`);
  const victims: Victim[] = [];
  t.teardown(() => victims.forEach((victim) => victim[Symbol.dispose]()));
  await Promise.all(SCENES.map(async (scene) => {
    const victim = waiting(scene.number, ms);
    victims.push(victim);
    await scene.play(t, scene.name, victim, ms);
  }));
});

for (const name of ['epoll_wait', 'poll']) {
  t.test(`with a handler's signal pending EINTR is right: ${name}`, { skip }, async (t) => {
    using victim = waiting(numberOf(name), 100_000, 'handler');
    frozen(victim, (thread) => {
      const how = interruptionOf(thread, thread.core);
      t.not(how.handlerFlags, undefined);
      const resumed = resumeRegisters(thread.registers, how);
      t.equal(resumed.getSigned('rax'), BigInt(-ERRNO.EINTR));
      t.equal(resumed.get('rip'), thread.registers.get('rip'));
      t.equal(resumeLiving(thread.registers, how), undefined, 'nothing to mend in the living');
    }, SIG.USR1);
    t.equal(await ended(victim), FAILED);
  });
}

const RESTART_FLAG = 0x1000_0000n;
const { ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK, EINTR, EAGAIN } = ERRNO;
for (const [name, nr, error, handlerFlags, again] of [
  ['ERESTARTSYS', SYS.read, ERESTARTSYS, undefined, true],
  ['ERESTARTSYS and a handler', SYS.read, ERESTARTSYS, 0n, false],
  ['ERESTARTSYS and a handler with SA_RESTART', SYS.read, ERESTARTSYS, RESTART_FLAG, true],
  ['ERESTARTNOINTR and a handler', SYS.read, ERESTARTNOINTR, 0n, true],
  ['ERESTARTNOHAND', SYS.pause, ERESTARTNOHAND, undefined, true],
  ['ERESTARTNOHAND and a handler with SA_RESTART', SYS.pause, ERESTARTNOHAND, RESTART_FLAG, false],
  ['a restart block and a handler with SA_RESTART', SYS.poll, ERESTART_RESTARTBLOCK, RESTART_FLAG, false],
  ['a restart block of a call that we do not know', SYS.restart_syscall, ERESTART_RESTARTBLOCK, undefined, false],
  ['EINTR of a call that can be made again', SYS.epoll_wait, EINTR, undefined, true],
  ['EINTR of a call that can not', SYS.close, EINTR, undefined, undefined],
  ['another error', SYS.read, EAGAIN, undefined, undefined],
] as const) {
  const registers = new Registers();
  registers.set('origRax', nr);
  registers.set('rax', -error);
  registers.set('rip', 0x1000);
  const out = resumeRegisters(registers, { ...NOTHING, handlerFlags });
  const wanted = again === undefined ? [0x1000n, BigInt(-error)] : again ? [0xffen, BigInt(nr)] : [0x1000n, BigInt(-EINTR)];
  t.same([out.get('rip'), out.getSigned('rax')], wanted, name);
}

t.test('outside of a system call nothing is changed', (t) => {
  const registers = new Registers();
  registers.set('origRax', -1n);
  registers.set('rax', -ERESTARTSYS);
  t.same(resumeRegisters(registers, NOTHING).words, registers.words);
  t.end();
});
