// Programs wait; they are frozen in the middle, go on with the registers that an image would have, and tell how long it took.
import t from 'tap';
import { ERRNO, SIG, SYS, WAIT } from '@criu-ts/kernel/abi';
import { kill, wait4 } from '@criu-ts/kernel/sys';
import { FrozenTree, Registers } from '@criu-ts/tracee';
import { interruptionOf, mendInterrupted } from './interruption.js';
import { type Interruption, resumeLiving, resumeRegisters } from './restart.js';
import { sampleSleepers } from './sleepers.js';
import { capture, inspect, TestDump, Victim, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims() ?? false;
const NOTHING: Interruption = { read: () => undefined };

/** The program's exit code: hundredths of a second, or that the call failed. */
const FAILED = 255;
const program = (call: string): string => `
static void handler(int signal) {}
int main() {
  struct timespec begin, end;
  int fd[2], epoll = epoll_create1(0), queue[2];
  CHECK(pipe(fd));
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, queue));
  struct epoll_event event = { EPOLLIN };
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd[0], &event));
  struct pollfd one = { fd[0], POLLIN };
  struct timespec time = { 0, 600000000 }, rest = { 77, 77 };
  struct timeval tv = { 0, 600000 };
  uint32_t word = 5;
  sigset_t none; sigemptyset(&none); sigaddset(&none, SIGUSR2);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  long result = ${call};
  int error = errno;
  clock_gettime(CLOCK_MONOTONIC, &end);
  long hundredths = (end.tv_sec - begin.tv_sec) * 100 + (end.tv_nsec - begin.tv_nsec) / 10000000;
  if (result < 0 && error == EINTR) _exit(${FAILED});
  _exit(hundredths);
}`;

const absolute = '({ time.tv_sec = begin.tv_sec; time.tv_nsec = begin.tv_nsec + 600000000; if (time.tv_nsec >= 1000000000) { time.tv_sec++; time.tv_nsec -= 1000000000; } 0; })';

/** All wait for 0.6 s and are frozen after 0.3 s: 0.6 when all is well, 0.9 where the wait begins anew. */
const WAITS: readonly { readonly name: string; readonly call: string; readonly nr: number; readonly total: 60 | 90 }[] = [
  { name: 'nanosleep with a place for the rest', call: 'syscall(SYS_nanosleep, &time, &rest)', nr: SYS.nanosleep, total: 60 },
  { name: 'nanosleep without', call: 'syscall(SYS_nanosleep, &time, NULL)', nr: SYS.nanosleep, total: 60 },
  { name: 'clock_nanosleep, relative, with a place for the rest', call: 'syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &rest)', nr: SYS.clock_nanosleep, total: 60 },
  { name: 'clock_nanosleep, relative, without', call: 'syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &time, NULL)', nr: SYS.clock_nanosleep, total: 60 },
  { name: 'clock_nanosleep, absolute', call: `(${absolute}, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL))`, nr: SYS.clock_nanosleep, total: 60 },
  { name: 'poll', call: 'syscall(SYS_poll, &one, 1, 600)', nr: SYS.poll, total: 60 },
  { name: 'ppoll', call: 'syscall(SYS_ppoll, &one, 1, &time, &none, 8)', nr: SYS.ppoll, total: 60 },
  { name: 'select', call: 'syscall(SYS_select, 0, NULL, NULL, NULL, &tv)', nr: SYS.select, total: 60 },
  { name: 'pselect6', call: 'syscall(SYS_pselect6, 0, NULL, NULL, NULL, &time, NULL)', nr: SYS.pselect6, total: 60 },
  { name: 'epoll_wait', call: 'syscall(SYS_epoll_wait, epoll, &event, 1, 600)', nr: SYS.epoll_wait, total: 60 },
  { name: 'epoll_pwait', call: 'syscall(SYS_epoll_pwait, epoll, &event, 1, 600, &none, 8)', nr: SYS.epoll_pwait, total: 60 },
  { name: 'epoll_pwait2', call: 'syscall(SYS_epoll_pwait2, epoll, &event, 1, &time, &none, 8)', nr: SYS.epoll_pwait2, total: 60 },
  { name: 'futex, relative', call: 'syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &time)', nr: SYS.futex, total: 90 },
  { name: 'futex, absolute', call: `(${absolute}, syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 5, &time, NULL, 1))`, nr: SYS.futex, total: 60 },
  { name: 'rt_sigtimedwait', call: '(sigprocmask(SIG_BLOCK, &none, NULL), syscall(SYS_rt_sigtimedwait, &none, NULL, &time, 8))', nr: SYS.rt_sigtimedwait, total: 90 },
  {
    name: 'semtimedop',
    call: '({ int set = semget(IPC_PRIVATE, 1, 0600); struct sembuf op = { 0, -1, 0 }; long r = syscall(SYS_semtimedop, set, &op, 1, &time); int e = errno; semctl(set, 0, IPC_RMID); errno = e; r; })',
    nr: SYS.semtimedop,
    total: 90,
  },
  { name: 'recv with SO_RCVTIMEO', call: '(setsockopt(queue[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), recv(queue[0], &word, 1, 0))', nr: SYS.recvfrom, total: 90 },
];

const sleep = (ms: number): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

for (const { name, call, nr, total } of WAITS) {
  t.test(`frozen in the middle: ${name}`, { skip }, (t) => {
    using victim = new Victim('waiting', program(call));
    victim.untilBlockedIn([nr]);
    sleep(300);
    const sleepers = sampleSleepers(victim.pid);
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      const task = inspect(victim.pid, tree, sleepers);
      const [thread] = task.threads as [(typeof task.threads)[number]];
      capture(task, new TestDump());
      const resumed = resumeRegisters(thread.registers, interruptionOf(thread, thread.core));
      t.equal(resumed.get('rip'), thread.registers.get('rip') - 2n, 'the call is made again');
      resumed.set('origRax', -1n);
      thread.tracee.setRegisters(resumed);
    }
    const waited = wait4(victim.pid, WAIT.ALL);
    const hundredths = waited !== undefined && 'status' in waited ? waited.status >> 8 : -1;
    t.ok(hundredths >= total - 1 && hundredths < (total === 60 ? 85 : 140), `${hundredths / 100} s`);
    t.end();
  });
}

for (const { name, call, nr } of WAITS.filter(({ nr, name }) => [SYS.poll, SYS.nanosleep, SYS.clock_nanosleep].includes(nr as 7) && !name.includes('absolute'))) {
  t.test(`frozen for the second time, by then in restart_syscall: ${name}`, { skip }, (t) => {
    using victim = new Victim('waiting', program(call));
    victim.untilBlockedIn([nr]);
    FrozenTree.freeze(victim.pid, { timeout: 5000 })[Symbol.dispose]();
    victim.untilBlockedIn([SYS.restart_syscall]);
    const sleepers = sampleSleepers(victim.pid);
    t.equal(sleepers.get(victim.pid)?.restarted, nr, 'where it sleeps tells the call');
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      const task = inspect(victim.pid, tree, sleepers);
      const [thread] = task.threads as [(typeof task.threads)[number]];
      capture(task, new TestDump());
      const resumed = resumeRegisters(thread.registers, interruptionOf(thread, thread.core));
      t.equal(resumed.get('rip'), thread.registers.get('rip') - 2n, 'the call is made again');
      resumed.set('origRax', -1n);
      thread.tracee.setRegisters(resumed);
    }
    const waited = wait4(victim.pid, WAIT.ALL);
    const hundredths = waited !== undefined && 'status' in waited ? waited.status >> 8 : -1;
    t.ok(hundredths >= 59 && hundredths < 90, `${hundredths / 100} s`);
    t.end();
  });
}

for (const [name, call, nr] of [
  ['epoll_wait', 'syscall(SYS_epoll_wait, epoll, &event, 1, 600)', SYS.epoll_wait],
  ['poll', 'syscall(SYS_poll, &one, 1, 600)', SYS.poll],
] as const) {
  t.test(`with a handler's signal pending EINTR is right: ${name}`, { skip }, (t) => {
    using victim = new Victim('waiting', program(`(signal(SIGUSR1, handler), ${call})`));
    victim.untilBlockedIn([nr]);
    const sleepers = sampleSleepers(victim.pid);
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      kill(victim.pid, SIG.USR1);
      const task = inspect(victim.pid, tree, sleepers);
      const [thread] = task.threads as [(typeof task.threads)[number]];
      capture(task, new TestDump());
      const how = interruptionOf(thread, thread.core);
      t.not(how.handlerFlags, undefined);
      const resumed = resumeRegisters(thread.registers, how);
      t.equal(resumed.getSigned('rax'), BigInt(-ERRNO.EINTR));
      t.equal(resumed.get('rip'), thread.registers.get('rip'));
      t.equal(resumeLiving(thread.registers, how), undefined, 'nothing to mend in the living');
    }
    const waited = wait4(victim.pid, WAIT.ALL);
    t.equal(waited !== undefined && 'status' in waited ? waited.status >> 8 : -1, FAILED);
    t.end();
  });
}

t.test('poll in a process that lives on is made again, shorter', { skip }, (t) => {
  using victim = new Victim('waiting', program('syscall(SYS_poll, &one, 1, 600)'));
  for (let round = 0; round < 3; round++) {
    victim.untilBlockedIn([SYS.poll]);
    sleep(100);
    const sleepers = sampleSleepers(victim.pid);
    using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
    const task = inspect(victim.pid, tree, sleepers);
    capture(task, new TestDump());
    for (const thread of task.threads) mendInterrupted(thread);
  }
  const waited = wait4(victim.pid, WAIT.ALL);
  const hundredths = waited !== undefined && 'status' in waited ? waited.status >> 8 : -1;
  t.ok(hundredths >= 59 && hundredths < 85, `${hundredths / 100} s`);
  t.end();
});

t.test('the kernel does not continue epoll_wait in a process that lives on: we do', { skip }, (t) => {
  for (const mend of [false, true]) {
    using victim = new Victim('waiting', program('syscall(SYS_epoll_wait, epoll, &event, 1, 600)'));
    victim.untilBlockedIn([SYS.epoll_wait]);
    const sleepers = sampleSleepers(victim.pid);
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      const task = inspect(victim.pid, tree, sleepers);
      const [thread] = task.threads as [(typeof task.threads)[number]];
      capture(task, new TestDump());
      if (mend) mendInterrupted(thread);
    }
    const waited = wait4(victim.pid, WAIT.ALL);
    const code = waited !== undefined && 'status' in waited ? waited.status >> 8 : -1;
    if (mend) t.ok(code >= 59 && code < 110, `${code / 100} s`);
    else t.equal(code, FAILED, 'without us it gets EINTR');
  }
  t.end();
});

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
