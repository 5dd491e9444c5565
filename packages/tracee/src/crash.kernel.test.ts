// We are killed at random moments while we steer a program that looks after its own state: it must not notice.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import t from 'tap';
import { SIG } from '@criu-ts/kernel/abi';
import { listThreads } from '@criu-ts/kernel/procfs';
import { kill } from '@criu-ts/kernel/sys';
import { compile, threadStates, until, Victim, whyNoVictims } from './testing/victims.js';

const ROUNDS = 110;
/** Milliseconds for all rounds; a tenth of it is enough where nothing else runs. */
const BUDGET = 120_000;

/** Without tap, which takes a second to start. */
const steerer = fileURLToPath(new URL('steerer.mjs', import.meta.url));
await build({
  entryPoints: ['packages/tracee/src/testing/steerer.ts'],
  outfile: steerer,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  external: ['koffi'],
});

/** One that waits for its start; Node takes its time. */
function nextSteerer(pid: number): ChildProcess {
  return spawn(process.execPath, [steerer, String(pid)], { env: { PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** Kills it so many ms after it began to steer. */
async function steerAndDie(child: ChildProcess, ms: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (_, signal) => (signal === 'SIGKILL' ? resolve() : reject(new Error('the steerer ended by itself'))));
    child.stdout?.once('data', () => void setTimeout(ms).then(() => child.kill('SIGKILL')));
    child.stdin?.write('.');
  });
}

/** Each kind of thread keeps a state, and counts how often it found it whole. */
const PROGRAM = `
enum { REGISTERS, STACK, SLEEP, FUTEX, POLL, READ, MASK, KINDS };
static __thread long own;
static int ends[2], word;
static cpu_set_t cpus[KINDS];

/* Fills registers, spins, and tells which were changed. rsp and the red zone below it are checked too. */
static long registers_kept(void)
{
	long changed;
	__asm__ volatile(
		"push %%rbp\\n\\tpush %%rbx\\n\\t"
		"mov $0x1111, %%r8\\n\\tmov $0x2222, %%r9\\n\\tmov $0x3333, %%r10\\n\\tmov $0x4444, %%r11\\n\\t"
		"mov $0x5555, %%r12\\n\\tmov $0x6666, %%r13\\n\\tmov $0x7777, %%r14\\n\\tmov %%rsp, %%r15\\n\\t"
		"mov $0x8888, %%rbx\\n\\tmov $0x9999, %%rbp\\n\\tmov $0xaaaa, %%rdx\\n\\tmov $0xbbbb, %%rsi\\n\\tmov $0xcccc, %%rdi\\n\\t"
		"movq $0xdddd, -8(%%rsp)\\n\\tmovq $0xeeee, -120(%%rsp)\\n\\t"
		"movq %%r8, %%xmm0\\n\\tmovq %%r14, %%xmm15\\n\\t"
		"vpbroadcastq %%xmm0, %%ymm1\\n\\tvpbroadcastq %%xmm15, %%ymm14\\n\\t"
		"fldpi\\n\\t"
		"mov $1000000, %%ecx\\n"
		"1:\\tdec %%ecx\\n\\tjnz 1b\\n\\t"
		"mov $1, %%eax\\n\\t"
		"cmp $0x1111, %%r8\\n\\tjne 2f\\n\\tcmp $0x2222, %%r9\\n\\tjne 2f\\n\\tcmp $0x3333, %%r10\\n\\tjne 2f\\n\\tcmp $0x4444, %%r11\\n\\tjne 2f\\n\\t"
		"cmp $0x5555, %%r12\\n\\tjne 2f\\n\\tcmp $0x6666, %%r13\\n\\tjne 2f\\n\\tcmp $0x7777, %%r14\\n\\tjne 2f\\n\\t"
		"mov $2, %%eax\\n\\tcmp %%rsp, %%r15\\n\\tjne 2f\\n\\t"
		"mov $3, %%eax\\n\\tcmp $0x8888, %%rbx\\n\\tjne 2f\\n\\tcmp $0x9999, %%rbp\\n\\tjne 2f\\n\\tcmp $0xaaaa, %%rdx\\n\\tjne 2f\\n\\t"
		"cmp $0xbbbb, %%rsi\\n\\tjne 2f\\n\\tcmp $0xcccc, %%rdi\\n\\tjne 2f\\n\\t"
		"mov $4, %%eax\\n\\tcmpq $0xdddd, -8(%%rsp)\\n\\tjne 2f\\n\\tcmpq $0xeeee, -120(%%rsp)\\n\\tjne 2f\\n\\t"
		"mov $5, %%eax\\n\\tvpbroadcastq %%xmm0, %%ymm2\\n\\tvpxor %%ymm1, %%ymm2, %%ymm2\\n\\tvptest %%ymm2, %%ymm2\\n\\tjnz 2f\\n\\t"
		"movq %%r14, %%xmm3\\n\\tvpbroadcastq %%xmm3, %%ymm3\\n\\tvpxor %%ymm14, %%ymm3, %%ymm3\\n\\tvptest %%ymm3, %%ymm3\\n\\tjnz 2f\\n\\t"
		"mov $6, %%eax\\n\\tfldpi\\n\\tfcomip %%st(1), %%st\\n\\tjne 2f\\n\\t"
		"xor %%eax, %%eax\\n"
		"2:\\tfstp %%st(0)\\n\\tvzeroupper\\n\\tpop %%rbx\\n\\tpop %%rbp"
		: "=a"(changed) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm14", "xmm15", "memory", "cc");
	return changed;
}
static long deep(int depth)
{
	volatile long canary[32];
	for (int i = 0; i < 32; i++) canary[i] = depth * 1000 + i;
	long sum = depth == 0 ? 0 : deep(depth - 1);
	for (volatile int i = 0; i < 2000; i++);
	for (int i = 0; i < 32; i++) if (canary[i] != depth * 1000 + i) fault("a canary died", depth);
	return sum + canary[1];
}
/* With its number in the code, as libraries call it: syscall(3) takes it from a variable, and then nobody can tell what
   restart_syscall(2) stood for. */
static long futex_wait(struct timespec *time)
{
	long result;
	register struct timespec *fourth __asm__("r10") = time;
	__asm__ volatile("mov $202, %%eax\\n\\tsyscall" : "=a"(result) : "D"(&word), "S"(FUTEX_WAIT), "d"(0), "r"(fourth) : "rcx", "r11", "memory");
	return result;
}
static void round_of(long kind)
{
	long begin = ms(), result;
	char c;
	sigset_t mask;
	cpu_set_t now;
	switch (kind) {
	case REGISTERS: if ((result = registers_kept()) != 0) fault("registers", result); break;
	case STACK: deep(50); break;
	case SLEEP:
		if ((result = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ 0, 40000000 }, 0)) != 0) fault("nanosleep", result);
		if (ms() - begin < 40) fault("slept ms", ms() - begin);
		break;
	case FUTEX:
		result = futex_wait(&(struct timespec){ 0, 40000000 });
		if (result != -ETIMEDOUT || ms() - begin < 40) fault("futex", result);
		break;
	case POLL: if ((result = poll(0, 0, 40)) != 0 || ms() - begin < 40) fault("poll", result); break;
	case READ: if ((result = read(ends[0], &c, 1)) != 1 || c != (char)board->count[READ]) fault("read", result); break;
	case MASK:
		usleep(1000);
		c = board->count[MASK];
		if ((result = write(ends[1], &c, 1)) != 1) fault("write", result);
		break;
	}
	pthread_sigmask(0, 0, &mask);
	for (int n = 1; n < 32; n++) if (sigismember(&mask, n) != (n == 3 + kind && n != SIGKILL)) fault("mask", n);
	CPU_ZERO(&now);
	sched_getaffinity(0, sizeof now, &now);
	if (memcmp(&now, &cpus[kind], sizeof now) != 0) fault("affinity of kind", kind);
	if (own != kind + 77) fault("thread-local", own);
	board->count[kind]++;
	/* The two that would take all the time that there is. */
	if (kind <= STACK) usleep(1000);
}
static void *work(void *kind)
{
	sigset_t mask;
	own = (long)kind + 77;
	sigemptyset(&mask);
	sigaddset(&mask, 3 + (long)kind);
	pthread_sigmask(SIG_SETMASK, &mask, 0);
	sched_getaffinity(0, sizeof cpus[0], &cpus[(long)kind]);
	if ((long)kind % 3 == 1) {
		/* One of them may not go everywhere. */
		int cpu = 0;
		while (!CPU_ISSET(cpu, &cpus[(long)kind])) cpu++;
		CPU_ZERO(&cpus[(long)kind]);
		CPU_SET(cpu, &cpus[(long)kind]);
		sched_setaffinity(0, sizeof cpus[0], &cpus[(long)kind]);
	}
	for (;;) round_of((long)kind);
}
int main(int argc, char **argv)
{
	open_board(argv);
	CHECK(pipe(ends));
	for (long kind = 1; kind < KINDS; kind++) { pthread_t thread; pthread_create(&thread, 0, work, (void *)kind); }
	ready();
	work((void *)REGISTERS);
}`;
const KINDS = 7;

t.setTimeout(2 * BUDGET);

for (const [name, flags] of [['linked dynamically', []], ['static', ['-static']]] as const) {
  t.test(`killed at random moments: ${name}`, { skip: whyNoVictims(), timeout: BUDGET }, async (t) => {
    using victim = new Victim(compile(PROGRAM, flags)).untilReady();
    await until(() => listThreads(victim.pid).length === KINDS, () => 'not all threads came');
    const deadline = performance.now() + BUDGET / 2;
    let round = 0;
    let next = nextSteerer(victim.pid);
    t.teardown(() => next.kill('SIGKILL'));
    for (; round < ROUNDS / 2 && performance.now() < deadline; round++) {
      const current = next;
      next = nextSteerer(victim.pid);
      const stopped = round % 4 === 3;
      /* Waited for: the stop may be due only after the steerer is gone. */
      const stop = stopped ? setTimeout(Math.random() * 10).then(() => kill(victim.pid, SIG.STOP)) : undefined;
      await Promise.all([steerAndDie(current, Math.random() * 20), stop]);
      if (stopped) {
        await until(() => [...threadStates(victim.pid).values()].every((state) => state === 'T'), () => `round ${round}: it does not stop`);
        kill(victim.pid, SIG.CONT);
      }
      const { counts } = victim.board;
      if (![...threadStates(victim.pid).values()].every((state) => 'RSD'.includes(state)) || victim.status('TracerPid') !== '0') throw new Error(`round ${round}: a thread does not run`);
      await until(() => victim.board.counts.slice(0, KINDS).every((count, i) => count > (counts[i] ?? 0)), () => `round ${round}: ${JSON.stringify(victim.board)} stands still`);
      if (victim.board.faults > 0) break;
    }
    t.match(victim.board, { faults: 0, why: '' });
    t.ok(round >= 20, `${round} rounds`);
    t.equal(victim.status('SigPnd'), '0000000000000000');
    t.end();
  });
}

t.test('killed while it stops a tree that forks all the while', { skip: whyNoVictims(), timeout: BUDGET }, async (t) => {
  using victim = new Victim(compile(`
static void *short_lived(void *n) { usleep(300); board->count[1]++; return 0; }
int main(int argc, char **argv)
{
	open_board(argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 6; i++) {
		if (fork() != 0) continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			pthread_t thread;
			pthread_create(&thread, 0, short_lived, 0);
			int child = i % 2 ? fork() : vfork();
			if (child == 0) _exit(0);
			if (waitpid(child, 0, 0) != child) fault("waitpid", child);
			pthread_join(thread, 0);
			board->count[2 + i]++;
		}
	}
	ready();
	for (;; board->count[0]++) usleep(500);
}`)).untilReady();
  for (let round = 0; round < 20; round++) {
    await steerAndDie(nextSteerer(victim.pid), Math.random() * 20);
    const { counts } = victim.board;
    await until(() => victim.board.counts.slice(0, 8).every((count, i) => count > (counts[i] ?? 0)), () => `round ${round}: ${JSON.stringify(victim.board)} stands still`);
  }
  t.match(victim.board, { faults: 0, why: '' });
  t.equal(victim.status('TracerPid'), '0');
});
