// Programs that look after their own state, steered in the middle of what they do.
import t from 'tap';
import { ERRNO, PTRACE, SIG, SYS } from '@criu-ts/kernel/abi';
import { getAffinity, kill, Memory, sys, tgkill } from '@criu-ts/kernel/sys';
import { TraceeDied } from './errors.js';
import { scratchSize } from './crash-frame.js';
import { FrozenTree } from './freezer.js';
import { RemoteSyscalls } from './remote-syscalls.js';
import { borrowCode, compile, frozenProcess, sleep, threadStates, until, Victim, whyNoVictims } from './testing/victims.js';
import type { Tracee } from './tracee.js';

const skip = whyNoVictims();
const TIMEOUT = 5000;

/** Freezes it, has every thread make calls, lets it go. */
function steer(pid: number, during?: (remote: RemoteSyscalls, round: number) => void, calls = 20): void {
  using tree = FrozenTree.freeze(pid, { timeout: TIMEOUT });
  const frozen = frozenProcess(tree, pid);
  const code = borrowCode(frozen);
  for (const thread of frozen.threads) {
    using remote = new RemoteSyscalls(thread, code, { pin: getAffinity(0) });
    for (let i = 0; i < calls; i++) {
      during?.(remote, i);
      const tid = remote.call(SYS.gettid);
      if (tid !== thread.tid) throw new Error(`gettid of ${thread.tid} gave ${tid}`);
    }
  }
}

t.test('signals that arrive meanwhile wait, none is lost, their order stays', { skip }, (t) => {
  using victim = new Victim(compile(`
static int next;
static void on_alarm(int n) { board->count[0]++; }
static void on_queued(int n, siginfo_t *info, void *context)
{
	/* No frame of the handler may be made from foreign registers: the program only ever runs its own code, on its own stack. */
	long rsp = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP], distance = rsp - (long)__builtin_frame_address(0);
	if (distance < 0 || distance > 8192) fault("a handler ran on a strange stack", distance);
	if (info->si_value.sival_int != next++) fault("out of order", info->si_value.sival_int);
	board->count[1]++;
}
int main(int argc, char **argv)
{
	open_board(argv);
	struct sigaction alarm = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, queued = { .sa_sigaction = on_queued, .sa_flags = SA_SIGINFO };
	sigaction(SIGALRM, &alarm, 0);
	sigaction(SIGRTMIN, &queued, 0);
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
	setitimer(ITIMER_REAL, &every, 0);
	ready();
	for (volatile long i = 0; ; i++) board->count[2]++;
}`)).untilReady();
  const sent = 300;
  let value = 0;
  const RTMIN = 34;
  const queue = sigqueue();
  for (let round = 0; round < 30; round++) steer(victim.pid, (_, i) => i % 2 === 0 && queue(victim.pid, RTMIN, value++), sent / 30 * 2);
  until(() => victim.board.counts[1] === sent, () => `only ${victim.board.counts[1]} of ${sent} came`);
  t.match(victim.board, { faults: 0, why: '' });
  const [alarms = 0, , work = 0] = victim.board.counts;
  sleep(20);
  t.ok((victim.board.counts[0] ?? 0) > alarms, 'the timer goes on');
  t.ok((victim.board.counts[2] ?? 0) > work, 'the work too');
  t.equal(victim.status('SigBlk'), '0000000000000000');
  t.end();
});

/** sigqueue(3): a value with each. */
function sigqueue(): (pid: number, signal: number, value: number) => void {
  const info = new Memory(128);
  return (pid, signal, value) => {
    info.view.setInt32(0, signal, true);
    info.view.setInt32(8, -1 /* SI_QUEUE */, true);
    info.view.setInt32(16, process.pid, true);
    info.view.setInt32(24, value, true);
    sys(SYS.rt_sigqueueinfo, pid, signal, info.address);
  };
}

const SPIN = `
static void *work(void *n) { for (;;) board->count[(long)n]++; }
int main(int argc, char **argv)
{
	open_board(argv);
	pthread_t thread;
	pthread_create(&thread, 0, work, (void *)1);
	ready();
	work(0);
}`;

const allIn = (pid: number, states: string): boolean => [...threadStates(pid).values()].every((state) => states.includes(state));

t.test('group-stops', { skip }, async (t) => {
  const program = compile(SPIN);
  const goesOn = (victim: Victim): boolean => {
    const before = victim.board.counts;
    sleep(30);
    const after = victim.board.counts;
    return (after[0] ?? 0) > (before[0] ?? 0) && (after[1] ?? 0) > (before[1] ?? 0);
  };

  t.test('stopped before: it stays stopped, and continues', (t) => {
    using victim = new Victim(program).untilReady();
    kill(victim.pid, SIG.STOP);
    until(() => allIn(victim.pid, 'T'), () => 'it does not stop');
    for (let i = 0; i < 5; i++) steer(victim.pid);
    until(() => allIn(victim.pid, 'T'), () => 'it does not stay stopped');
    t.equal(victim.status('TracerPid'), '0');
    kill(victim.pid, SIG.CONT);
    t.ok(goesOn(victim));
    t.end();
  });

  t.test('stopped in the middle: the call goes on, then it is stopped', (t) => {
    using victim = new Victim(program).untilReady();
    for (const at of [0, 3, 7]) {
      steer(victim.pid, (_, i) => i === at && kill(victim.pid, SIG.STOP));
      until(() => allIn(victim.pid, 'T'), () => 'it does not stop');
      kill(victim.pid, SIG.CONT);
      t.ok(goesOn(victim), `stopped at call ${at}`);
    }
    t.end();
  });

  t.test('stopped and continued in the middle', (t) => {
    using victim = new Victim(program).untilReady();
    steer(victim.pid, (_, i) => {
      if (i === 2 || i === 9) kill(victim.pid, SIG.STOP);
      if (i === 5 || i === 10) kill(victim.pid, SIG.CONT);
    });
    t.ok(goesOn(victim));
    kill(victim.pid, SIG.STOP);
    until(() => allIn(victim.pid, 'T'), () => 'it does not stop');
    steer(victim.pid, (_, i) => i === 4 && kill(victim.pid, SIG.CONT));
    t.ok(goesOn(victim), 'stopped before, continued in the middle');
    t.end();
  });
});

t.test('under seccomp', { skip }, async (t) => {
  const filter = `struct sock_filter kill_all[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
	struct sock_fprog all = { 6, kill_all };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all));`;
  for (const [name, install] of [['strict', 'CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));'], ['a filter that kills', filter]] as const) {
    t.test(name, (t) => {
      using victim = new Victim(compile(`
int main(int argc, char **argv)
{
	int ends[2];
	open_board(argv);
	CHECK(pipe(ends));
	${install}
	ready();
	for (char c; ; board->count[0]++) read(ends[0], &c, 0);
}`)).untilReady();
      for (let i = 0; i < 5; i++) steer(victim.pid);
      const before = victim.board.counts[0] ?? 0;
      sleep(20);
      t.ok((victim.board.counts[0] ?? 0) > before, 'it lives');
      t.not(victim.status('Seccomp'), '0');
      t.equal(victim.board.faults, 0);
      t.end();
    });
  }
});

t.test('interrupted system calls go on', { skip }, async (t) => {
  // Each comes to its end 400 ms after it began, whatever we did meanwhile.
  const rows: [name: string, nr: number, setUp: string, call: string, want: string, waker?: (victim: Victim) => void][] = [
    ['nanosleep', SYS.clock_nanosleep, '', 'nanosleep(&(struct timespec){ 0, 400000000 }, 0)', '0'],
    ['nanosleep, the raw call', SYS.nanosleep, '', 'syscall(SYS_nanosleep, &(struct timespec){ 0, 400000000 }, 0)', '0'],
    ['futex with a time', SYS.futex, 'static int word;', 'syscall(SYS_futex, &word, FUTEX_WAIT, 0, &(struct timespec){ 0, 400000000 })', '-ETIMEDOUT'],
    ['poll', SYS.poll, '', 'poll(0, 0, 400)', '0'],
    ['ppoll with a mask', SYS.ppoll, 'sigset_t full; sigfillset(&full);', 'ppoll(0, 0, &(struct timespec){ 0, 400000000 }, &full)', '0'],
    ['select', SYS.pselect6, '', 'select(0, 0, 0, 0, &(struct timeval){ 0, 400000 })', '0'],
    ['read', SYS.read, 'int ends[2]; pipe(ends); if (fork() == 0) { usleep(400000); write(ends[1], "x", 1); _exit(0); } char c;', 'read(ends[0], &c, 1)', '1'],
    ['wait4', SYS.wait4, 'int child = fork(); if (child == 0) { usleep(400000); _exit(0); }', 'waitpid(child, 0, 0) == child', '1'],
    ['sigsuspend', SYS.rt_sigsuspend, 'sigset_t usr, none; sigemptyset(&none); sigemptyset(&usr); sigaddset(&usr, SIGUSR1); sigprocmask(SIG_BLOCK, &usr, 0); signal(SIGUSR1, on_signal);', 'sigsuspend(&none)', '-EINTR', (victim) => kill(victim.pid, SIG.USR1)],
    ['pause', SYS.pause, 'signal(SIGUSR1, on_signal);', 'pause()', '-EINTR', (victim) => kill(victim.pid, SIG.USR1)],
  ];
  for (const [name, nr, setUp, call, want, waker] of rows) {
    t.test(name, (t) => {
      using victim = new Victim(compile(`
static void on_signal(int n) { board->count[5]++; }
int main(int argc, char **argv)
{
	open_board(argv);
	sigset_t before, after;
	${setUp}
	sigprocmask(0, 0, &before);
	ready();
	long begin = ms();
	long result = ${call};
	if (result == -1) result = -errno;
	sigprocmask(0, 0, &after);
	board->count[0] = ms() - begin;
	if (result != ${want}) fault("result", result);
	if (memcmp(&before, &after, 8) != 0) fault("mask", *(long *)&after);
	return 7;
}`)).untilReady().untilBlockedIn(nr);
      const signals = victim.status('SigBlk');
      for (let i = 0; i < 10; i++) {
        steer(victim.pid, undefined, 3);
        sleep(5);
      }
      t.equal(victim.status('SigBlk'), signals, 'it waits with the same mask');
      if (waker !== undefined) {
        t.equal(victim.board.counts[5], 0, 'no handler ran');
        // It arrives while the thread makes calls for us.
        steer(victim.pid, (_, i) => i === 1 && waker(victim), 3);
      }
      t.equal(victim.awaitEnd(), 7);
      t.match(victim.board, { faults: 0, why: '' });
      if (waker !== undefined) t.equal(victim.board.counts[5], 1, 'the handler ran once');
      else t.ok((victim.board.counts[0] ?? 0) >= 395 && (victim.board.counts[0] ?? 0) < 700, `it took ${victim.board.counts[0]} ms`);
      t.end();
    });
  }
});

t.test('all is as it was: registers, FPU, mask, affinity, memory', { skip }, (t) => {
  using victim = new Victim(compile(SPIN)).untilReady();
  using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
  const frozen = frozenProcess(tree, victim.pid);
  const code = borrowCode(frozen);
  const state = (thread: Tracee): unknown => ({
    registers: [...thread.getRegisters().words],
    xstate: Buffer.from(thread.getXstate()).toString('base64'),
    sigmask: thread.getSigmask(),
    affinity: Buffer.from(getAffinity(thread.tid)).toString('hex'),
    // No more than is known to be there: the stack may end above it.
    stack: Buffer.from(thread.read(code.scratch, scratchSize())).toString('base64'),
  });
  for (const thread of frozen.threads) {
    const before = state(thread);
    {
      using remote = new RemoteSyscalls(thread, code, { pin: pinned() });
      remote.write(remote.data, new Uint8Array(RemoteSyscalls.dataSize).fill(0xaa));
      t.equal(remote.call(SYS.getcwd, remote.data, RemoteSyscalls.dataSize) > 1, true);
      t.equal(remote.call(SYS.close, -1), -ERRNO.EBADF);
      t.same(getAffinity(thread.tid), pinned(), 'pinned meanwhile');
    }
    t.same(state(thread), before);
  }
  const again = frozen.threads[0] as Tracee;
  const before = state(again);
  new RemoteSyscalls(again, code)[Symbol.dispose]();
  t.same(state(again), before, 'also where no call was made');
  t.end();
});

function pinned(): Uint8Array {
  const mask = new Uint8Array(getAffinity(0).length);
  mask[0] = getAffinity(0)[0]! & -getAffinity(0)[0]!;
  return mask;
}

t.test('the death of a task is told at once, and hides no other error', { skip }, async (t) => {
  const program = compile(SPIN);
  for (const leader of [true, false]) {
    for (const when of ['before', 'between', 'during'] as const) {
      t.test(`${leader ? 'the main thread' : 'another thread'}, ${when} calls`, (t) => {
        using victim = new Victim(program).untilReady();
        using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
        const frozen = frozenProcess(tree, victim.pid);
        const thread = frozen.threads[leader ? 0 : 1] as Tracee;
        const code = borrowCode(frozen);
        const begin = performance.now();
        let error: unknown;
        try {
          if (when === 'before') tgkill(victim.pid, thread.tid, SIG.KILL);
          using remote = new RemoteSyscalls(thread, code);
          remote.call(SYS.gettid);
          if (when === 'between') kill(victim.pid, SIG.KILL);
          // By its own hand, in the middle of a call.
          if (when === 'during') remote.call(SYS.kill, victim.pid, SIG.KILL);
          remote.call(SYS.gettid);
        } catch (caught) {
          error = caught;
        }
        t.type(error, TraceeDied);
        t.match(error, { name: 'TraceeDied', task: { pid: thread.tid } });
        t.ok(performance.now() - begin < 1000, `after ${Math.round(performance.now() - begin)} ms`);
        t.end();
      });
    }
  }

  t.test('in the middle of a stop that never comes', (t) => {
    using victim = new Victim(program).untilReady();
    using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
    const [main] = frozenProcess(tree, victim.pid).threads as [Tracee];
    main.resume(PTRACE.CONT);
    kill(victim.pid, SIG.KILL);
    t.throws(() => main.wait(), { name: 'TraceeDied' });
    t.end();
  });
});
