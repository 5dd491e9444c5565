// Programs that look after their own state, steered in the middle of what they do.
import { constants, setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { ERRNO, PTRACE, SIG, SYS } from '@criu-ts/kernel/abi';
import { readSyscall } from '@criu-ts/kernel/procfs';
import { getAffinity, kill, Memory, sys, tgkill } from '@criu-ts/kernel/sys';
import { TraceeDied } from './errors.js';
import { scratchSize } from './crash-frame.js';
import { FrozenTree } from './freezer.js';
import { RemoteSyscalls } from './remote-syscalls.js';
import { borrowCode, compile, frozenProcess, threadStates, until, Victim, whyNoVictims } from './testing/victims.js';
import type { Tracee } from './tracee.js';

const skip = whyNoVictims();
const TIMEOUT = 60_000;

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

t.test('signals that arrive meanwhile wait, none is lost, their order stays', { skip }, async (t) => {
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
  await until(() => victim.board.counts[1] === sent, () => `only ${victim.board.counts[1]} of ${sent} came`);
  t.match(victim.board, { faults: 0, why: '' });
  const { counts } = victim.board;
  await until(() => advanced(victim, counts, 0), () => 'the timer does not go on');
  await until(() => advanced(victim, counts, 2), () => 'the work does not go on');
  // While its handler runs SIGALRM is blocked.
  await until(() => victim.status('SigBlk') === '0000000000000000', () => `signals stay blocked: ${victim.status('SigBlk')}`);
});

/** Whether all of these counts are larger than they were. */
function advanced(victim: Victim, before: readonly number[], ...indexes: readonly number[]): boolean {
  const { counts } = victim.board;
  return indexes.every((i) => (counts[i] ?? 0) > (before[i] ?? 0));
}

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
  const stops = (victim: Victim): Promise<void> => until(() => allIn(victim.pid, 'T'), () => 'it does not stop');
  const goesOn = async (victim: Victim, after: string): Promise<void> => {
    const { counts } = victim.board;
    await until(() => advanced(victim, counts, 0, 1), () => `it does not go on after ${after}`);
  };

  t.test('stopped before: it stays stopped, and continues', async (t) => {
    using victim = new Victim(program).untilReady();
    kill(victim.pid, SIG.STOP);
    await stops(victim);
    for (let i = 0; i < 5; i++) steer(victim.pid);
    await stops(victim);
    t.equal(victim.status('TracerPid'), '0');
    kill(victim.pid, SIG.CONT);
    await goesOn(victim, 'the stop');
  });

  t.test('stopped in the middle: the call goes on, then it is stopped', async () => {
    using victim = new Victim(program).untilReady();
    for (const at of [0, 3, 7]) {
      steer(victim.pid, (_, i) => i === at && kill(victim.pid, SIG.STOP));
      await stops(victim);
      kill(victim.pid, SIG.CONT);
      await goesOn(victim, `a stop at call ${at}`);
    }
  });

  t.test('stopped and continued in the middle', async () => {
    using victim = new Victim(program).untilReady();
    steer(victim.pid, (_, i) => {
      if (i === 2 || i === 9) kill(victim.pid, SIG.STOP);
      if (i === 5 || i === 10) kill(victim.pid, SIG.CONT);
    });
    await goesOn(victim, 'both');
    kill(victim.pid, SIG.STOP);
    await stops(victim);
    steer(victim.pid, (_, i) => i === 4 && kill(victim.pid, SIG.CONT));
    await goesOn(victim, 'a stop before, continued in the middle');
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
    t.test(name, async (t) => {
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
      const { counts } = victim.board;
      await until(() => advanced(victim, counts, 0), () => 'it does not go on');
      t.not(victim.status('Seccomp'), '0');
      t.equal(victim.board.faults, 0);
    });
  }
});

/** ms */
const WAIT = 3000;

// Each comes to its end so long after it began, whatever we did meanwhile. They wait at the same time, and are steered in turn.
t.test('interrupted system calls go on', { skip }, async (t) => {
  // Times are measured here, whoever else wants the CPUs: the programs have our priority.
  setPriority(constants.priority.PRIORITY_HIGHEST);
  t.teardown(() => setPriority(constants.priority.PRIORITY_NORMAL));
  const ms = `{ ${WAIT / 1000}, 0 }`;
  const rows: readonly { readonly name: string; readonly nr: number; readonly setUp?: string; readonly call: string; readonly want: string; readonly woken?: true }[] = [
    { name: 'nanosleep', nr: SYS.clock_nanosleep, call: `nanosleep(&(struct timespec)${ms}, 0)`, want: '0' },
    { name: 'nanosleep, the raw call', nr: SYS.nanosleep, call: `syscall(SYS_nanosleep, &(struct timespec)${ms}, 0)`, want: '0' },
    { name: 'futex with a time', nr: SYS.futex, setUp: 'static int word;', call: `syscall(SYS_futex, &word, FUTEX_WAIT, 0, &(struct timespec)${ms})`, want: '-ETIMEDOUT' },
    { name: 'poll', nr: SYS.poll, call: `poll(0, 0, ${WAIT})`, want: '0' },
    { name: 'ppoll with a mask', nr: SYS.ppoll, setUp: 'sigset_t full; sigfillset(&full);', call: `ppoll(0, 0, &(struct timespec)${ms}, &full)`, want: '0' },
    { name: 'select', nr: SYS.pselect6, call: `select(0, 0, 0, 0, &(struct timeval)${ms})`, want: '0' },
    { name: 'read', nr: SYS.read, setUp: `int ends[2]; pipe(ends); if (fork() == 0) { usleep(${WAIT * 1000}); write(ends[1], "x", 1); _exit(0); } char c;`, call: 'read(ends[0], &c, 1)', want: '1' },
    { name: 'wait4', nr: SYS.wait4, setUp: `int child = fork(); if (child == 0) { usleep(${WAIT * 1000}); _exit(0); }`, call: 'waitpid(child, 0, 0) == child', want: '1' },
    {
      name: 'sigsuspend',
      nr: SYS.rt_sigsuspend,
      setUp: 'sigset_t usr, none; sigemptyset(&none); sigemptyset(&usr); sigaddset(&usr, SIGUSR1); sigprocmask(SIG_BLOCK, &usr, 0); signal(SIGUSR1, on_signal);',
      call: 'sigsuspend(&none)',
      want: '-EINTR',
      woken: true,
    },
    { name: 'pause', nr: SYS.pause, setUp: 'signal(SIGUSR1, on_signal);', call: 'pause()', want: '-EINTR', woken: true },
  ];
  const programs = rows.map(({ setUp = '', call, want }) => compile(`
static void on_signal(int n) { board->count[5]++; }
int main(int argc, char **argv)
{
	open_board(argv);
	sigset_t before, after;
	long begin = ms();
	${setUp}
	sigprocmask(0, 0, &before);
	ready();
	long result = ${call};
	if (result == -1) result = -errno;
	board->count[0] = ms() - begin;
	sigprocmask(0, 0, &after);
	if (result != ${want}) fault("result", result);
	if (memcmp(&before, &after, 8) != 0) fault("mask", *(long *)&after);
	board->count[1] = 1;
	/* Who comes too late finds it still there. */
	while (!board->count[2]) usleep(1000);
	return 7;
}`));
  const running = programs.map((program) => new Victim(program));
  t.teardown(() => running.forEach((victim) => victim[Symbol.dispose]()));
  const waiting = rows.map(({ nr }, i) => {
    const victim = (running[i] as Victim).untilReady().untilBlockedIn(nr);
    return { victim, mask: victim.status('SigBlk'), since: performance.now(), steered: 0 };
  });
  const isOver = (victim: Victim): boolean => victim.board.counts[0] !== 0;
  const isInside = (victim: Victim): boolean => readSyscall(victim.pid).state === 'inside';
  for (let round = 0; round < 10; round++) {
    for (const [i, task] of waiting.entries()) {
      const { victim, mask } = task;
      const begin = performance.now();
      steer(victim.pid, undefined, 3);
      await until(() => isOver(victim) || isInside(victim), () => 'it does not go on');
      const maskNow = victim.status('SigBlk');
      if (!isInside(victim) || isOver(victim)) continue;
      task.steered = begin - task.since;
      t.equal(maskNow, mask, `${rows[i]?.name}: it waits with the same mask`);
    }
    await setTimeout(WAIT / 20);
  }
  for (const [i, { name, woken }] of rows.entries()) {
    await t.test(name, async (t) => {
      const { victim, steered } = waiting[i] as (typeof waiting)[number];
      t.ok(steered > 0, 'it was steered while it waited');
      if (woken) {
        t.equal(victim.board.counts[5], 0, 'no handler ran');
        // It arrives while the thread makes calls for us.
        steer(victim.pid, (_, call) => call === 1 && kill(victim.pid, SIG.USR1), 3);
      }
      await until(() => victim.board.counts[1] === 1, () => 'it waits for ever');
      victim.tell(2, 1);
      t.equal(victim.awaitEnd(), 7);
      t.match(victim.board, { faults: 0, why: '' });
      const [took = 0] = victim.board.counts;
      if (woken) t.equal(victim.board.counts[5], 1, 'the handler ran once');
      // Had we made it begin anew, it would have been as long again from the last time.
      else t.ok(took >= WAIT - 5 && took < WAIT + steered, `it took ${took} ms, steered for ${Math.round(steered)}`);
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
        t.ok(performance.now() - begin < TIMEOUT / 2, `after ${Math.round(performance.now() - begin)} ms`);
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
