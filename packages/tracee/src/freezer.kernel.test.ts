// Trees that fork, clone, exit and exec all the while they are being stopped.
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { SIG } from '@criu-ts/kernel/abi';
import { listProcesses, listThreads, ProcessGone, readProcText, readStat } from '@criu-ts/kernel/procfs';
import { kill } from '@criu-ts/kernel/sys';
import { FrozenTree } from './freezer.js';
import { latecomerCount } from './let-go.js';
import { compile, sleep, threadStates, until, Victim, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims();
const TIMEOUT = 60_000;

t.setTimeout(480_000);

/** All living descendants, by /proc; the root is one of them. */
function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const pid of listProcesses()) {
    try {
      const { state, ppid } = readStat(pid);
      // A process whose main thread has ended shows as a zombie, and lives on in its others.
      if ((state !== 'Z' && state !== 'X') || listThreads(pid).length > 1) parents.set(pid, ppid);
    } catch (error) {
      if (!(error instanceof ProcessGone)) throw error;
    }
  }
  const found = new Set([root]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [pid, ppid] of parents) if (found.has(ppid)) found.add(pid);
  }
  return [...found];
}

/** Ends with the whole tree: the root is a subreaper, so nobody gets away. */
class Tree extends Victim {
  override [Symbol.dispose](): void {
    kill(this.pid, SIG.STOP);
    for (let pids = descendants(this.pid); pids.length > 1; pids = descendants(this.pid)) for (const pid of pids) if (pid !== this.pid) kill(pid, SIG.KILL);
    super[Symbol.dispose]();
  }
}

/** Everybody who stands is in the tree and stands still; nobody else is traced. */
function mustHoldAll(t: Test, tree: FrozenTree, root: number): void {
  const missing = descendants(root).filter((pid) => tree.processes.get(pid)?.zombie !== false);
  t.same(missing, [], 'nobody escaped');
  const moving: string[] = [];
  for (const pid of tree.processes.keys()) for (const [tid, state] of threadStates(pid)) if (state !== 't' && state !== 'Z') moving.push(`${tid} ${state}`);
  t.same(moving, [], 'all stand still');
}

/** Nobody is traced, and nobody stands still. */
async function mustRun(t: Test, root: number): Promise<void> {
  // One that was slow to stop is let go by a timer.
  await until(() => latecomerCount() === 0, () => `${latecomerCount()} tasks are still to be let go`);
  const held = descendants(root).filter((pid) => {
    try {
      return /^TracerPid:\s+[^0]/m.test(readProcText(pid, 'status')) || /^State:\s+[tT]/m.test(readProcText(pid, 'status'));
    } catch {
      return false;
    }
  });
  t.same(held, [], 'all run, untraced');
}

const FAMILY = `
static void *threads_make_threads(void *left)
{
	board->count[1]++;
	usleep(200);
	pthread_t next;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 65536);
	while (pthread_create(&next, &attributes, threads_make_threads, left)) usleep(1000);
	return 0;
}
static void children_come_and_go(void)
{
	for (;;) {
		int child = fork();
		if (child == 0) {
			if (fork() == 0) { usleep(500); board->count[2]++; _exit(0); } /* an orphan */
			_exit(0);
		}
		waitpid(child, 0, 0);
		board->count[0]++;
	}
}
static void vforks(void)
{
	for (;;) {
		int child = vfork();
		if (child == 0) { execl("/bin/true", "true", 0); _exit(1); }
		waitpid(child, 0, 0);
		board->count[3]++;
	}
}
int main(int argc, char **argv)
{
	int many = atoi(argv[2]);
	open_board(argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < many; i++) {
		if (fork() != 0) continue;
		signal(SIGCHLD, SIG_DFL);
		pthread_t thread;
		for (int n = 0; n < 3; n++) pthread_create(&thread, 0, threads_make_threads, 0);
		if (i % 4 == 0) children_come_and_go();
		if (i % 4 == 1) vforks();
		for (;;) usleep(20000);
	}
	ready();
	for (;;) usleep(1000);
}`;

t.test('a tree that forks and clones all the while', { skip }, async (t) => {
  using victim = new Tree(compile(FAMILY), ['12']);
  victim.untilReady();
  for (let round = 0; round < 8; round++) {
    sleep(20);
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
      mustHoldAll(t, tree, victim.pid);
      const { counts } = victim.board;
      sleep(5);
      t.same(victim.board.counts, counts, 'nothing moves');
    }
    const { counts } = victim.board;
    await until(() => [0, 1, 2, 3].every((i) => (victim.board.counts[i] ?? 0) > (counts[i] ?? 0)), () => `after ${JSON.stringify(counts)} came ${JSON.stringify(victim.board.counts)}`);
    await mustRun(t, victim.pid);
  }
});

t.test('200 processes of 4 threads', { skip }, async (t) => {
  using victim = new Tree(compile(`
static void *wait_here(void *n) { for (;;) pause(); }
int main(int argc, char **argv)
{
	open_board(argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 199; i++) {
		if (fork() != 0) continue;
		pthread_t thread;
		for (int n = 0; n < 3; n++) pthread_create(&thread, 0, wait_here, 0);
		__sync_fetch_and_add(&board->count[0], 1);
		for (;;) pause();
	}
	while (board->count[0] < 199) usleep(1000);
	ready();
	wait_here(0);
}`));
  victim.untilReady();
  const begin = performance.now();
  {
    using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
    t.comment(`frozen in ${Math.round(performance.now() - begin)} ms`);
    t.equal(tree.processes.size, 200);
    t.equal(tree.threadCount, 1 + 199 * 4);
    mustHoldAll(t, tree, victim.pid);
  }
  await mustRun(t, victim.pid);
});

t.test('execve by another thread, and exit_group, in the middle of it', { skip }, async (t) => {
  const rows: [name: string, act: string][] = [
    ['execve', 'execv(argv[0], argv);'],
    ['exit_group of children', 'if (fork() == 0) { pthread_create(&thread, 0, leave, 0); for (;;); } usleep(300); execv(argv[0], argv);'],
  ];
  for (const [name, act] of rows) {
    t.test(name, async (t) => {
      using victim = new Tree(compile(`
static char **argv;
static void *leave(void *n) { exit(0); }
static void *act(void *n) { pthread_t thread; usleep(rand() % 500); ${act} return 0; }
static void *spin(void *n) { for (;;); }
int main(int argc, char **args)
{
	argv = args;
	open_board(argv);
	srand(time(0) + board->count[0]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGCHLD, SIG_IGN);
	board->count[0]++;
	ready();
	pthread_t thread;
	pthread_create(&thread, 0, spin, 0);
	pthread_create(&thread, 0, act, 0);
	for (;;) pause();
}`));
      victim.untilReady();
      for (let round = 0; round < 60; round++) {
        {
          using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
          const { counts } = victim.board;
          const moving = [...threadStates(victim.pid)].filter(([, state]) => state !== 't');
          if (moving.length > 0 || tree.processes.get(victim.pid)?.threads[0]?.held !== true) t.fail(`round ${round}: ${JSON.stringify(moving)} move`);
          sleep(1);
          if (victim.board.counts[0] !== counts[0]) t.fail(`round ${round}: it ran on`);
        }
        const { counts } = victim.board;
        await until(() => (victim.board.counts[0] ?? 0) > (counts[0] ?? 0), () => `round ${round}: it does not run on`);
      }
      await mustRun(t, victim.pid);
    });
  }
});

t.test('a parent in vfork', { skip }, async (t) => {
  /** Its children count themselves, and end when that is so. */
  const program = (ends: string): string => compile(`
int main(int argc, char **argv)
{
	open_board(argv);
	ready();
	for (;;) { if (vfork() == 0) { board->count[0]++; while (!(${ends})) usleep(1000); _exit(0); } }
}`);
  t.test('stops when the child is done', async (t) => {
    using victim = new Tree(program('usleep(150000), 1'));
    victim.untilReady();
    await until(() => descendants(victim.pid).length === 2, () => 'no child');
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
      mustHoldAll(t, tree, victim.pid);
    }
    await mustRun(t, victim.pid);
  });

  t.test('is named when it does not come to an end, and goes on', async (t) => {
    using victim = new Tree(program('board->count[1]'));
    victim.untilReady();
    await until(() => victim.board.counts[0] === 1 && descendants(victim.pid).length === 2, () => 'no child');
    const [, child] = descendants(victim.pid);
    t.throws(() => FrozenTree.freeze(victim.pid, { timeout: 200 }), { name: 'FreezeFailed', task: { pid: victim.pid }, message: new RegExp(`waits in vfork\\(2\\) until process ${child} ends`) });
    victim.tell(1, 1);
    await until(() => (victim.board.counts[0] ?? 0) > 2, () => 'it does not run on when its child is done');
    await mustRun(t, victim.pid);
  });
});

t.test('who can not be stopped is named', { skip }, async (t) => {
  const program = compile('int main(int argc, char **argv) { open_board(argv); if (fork() == 0) for (;;) pause(); ready(); for (;;) pause(); }');

  t.test('traced by somebody else', (t) => {
    const tracer = compile(`
#include <sys/ptrace.h>
int main(int argc, char **argv) { open_board(argv); CHECK(ptrace(PTRACE_SEIZE, atoi(argv[2]), 0, 0)); ready(); pause(); }`);
    using victim = new Tree(program);
    victim.untilReady();
    const child = descendants(victim.pid)[1] ?? 0;
    {
      using other = new Victim(tracer, [String(child)]).untilReady();
      t.throws(() => FrozenTree.freeze(victim.pid, { timeout: TIMEOUT }), { name: 'FreezeFailed', task: { pid: child }, message: `it can't be stopped: it is traced by process ${other.pid} already`, hint: /end the debugger/ });
      t.equal(victim.status('TracerPid'), '0', 'its parent was let go');
    }
    using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
    t.equal(tree.processes.size, 2, 'once the tracer is gone it works');
    t.end();
  });

  t.test('ourselves', (t) => {
    t.throws(() => FrozenTree.freeze(process.pid, { timeout: TIMEOUT }), { name: 'FreezeFailed', message: /criu-ts itself/ });
    t.end();
  });

  t.test('a main thread that has ended', async (t) => {
    using victim = new Victim(compile('static void *work(void *n) { for (;;) board->count[0]++; } int main(int argc, char **argv) { open_board(argv); pthread_t thread; pthread_create(&thread, 0, work, 0); ready(); pthread_exit(0); }')).untilReady();
    await until(() => threadStates(victim.pid).get(victim.pid) === 'Z', () => 'the main thread lives');
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
      const frozen = tree.processes.get(victim.pid);
      t.match(frozen, { zombie: false, threads: { length: 1 } });
      t.not(frozen?.threads[0]?.tid, victim.pid, 'the other thread stands');
      const [before = 0] = victim.board.counts;
      sleep(20);
      t.equal(victim.board.counts[0], before);
    }
    const [before = 0] = victim.board.counts;
    await until(() => (victim.board.counts[0] ?? 0) > before, () => 'the others do not run on');
  });

  t.test('nobody', (t) => {
    // No PID is as large (PID_MAX_LIMIT).
    t.throws(() => FrozenTree.freeze(2 ** 22, { timeout: TIMEOUT }), { name: /ProcessGone|TraceeDied/ });
    t.end();
  });
});

t.test('zombies have no threads, and stay what they are', { skip }, (t) => {
  using victim = new Tree(compile('int main(int argc, char **argv) { open_board(argv); int child = fork(); if (child == 0) _exit(3); while (!board->ready) { siginfo_t i; waitid(P_PID, child, &i, WEXITED | WNOWAIT); ready(); } pause(); }'));
  victim.untilReady();
  for (let round = 0; round < 2; round++) {
    using tree = FrozenTree.freeze(victim.pid, { timeout: TIMEOUT });
    const [, zombie] = [...tree.processes.values()];
    t.match(zombie, { zombie: true, threads: [] });
    t.equal(readStat(zombie?.pid ?? 0).exitCode, 3 << 8);
  }
  t.end();
});

t.test('a newborn of another family is let go', { skip }, async (t) => {
  // The child makes siblings of itself: children of the root's, born to a tracee while it is being stopped.
  using victim = new Tree(compile(`
static int idle(void *n) { usleep(3000); board->count[0]++; _exit(0); }
int main(int argc, char **argv)
{
	open_board(argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0) for (;;) { if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0) idle(0); usleep(100); }
	ready();
	for (;;) pause();
}`));
  victim.untilReady();
  const maker = (): number => Number(readFileSync(`/proc/${victim.pid}/task/${victim.pid}/children`, 'latin1').split(' ')[0]);
  const pid = maker();
  for (let round = 0; round < 20; round++) {
    {
      using tree = FrozenTree.freeze(pid, { timeout: TIMEOUT });
      t.equal(tree.processes.size, 1);
    }
    const { counts } = victim.board;
    await until(() => (victim.board.counts[0] ?? 0) > (counts[0] ?? 0) + 5, () => 'nobody is born any more');
  }
  await mustRun(t, victim.pid);
});
