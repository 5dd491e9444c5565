/*
 * Processes that share their memory (CLONE_VM without CLONE_THREAD), some their signal handlers too: as LinuxThreads had
 * them. All keep writing to the same words; a thread of one of them does so, too.
 */
#include "victim.h"
#include <linux/kcmp.h>
#include <sched.h>

enum { CHILD, LINUX_THREAD, SIBLING, GRANDCHILD, FAMILY, THREAD = FAMILY, ALL };

static char stacks[ALL][64 * 1024] __attribute__((aligned(64)));
static volatile pid_t pids[ALL];
static volatile long turns[ALL];
static volatile int over;
static volatile sig_atomic_t handled, ended;
static volatile pid_t handler_pid;

static long same(int type, pid_t a, pid_t b) { return syscall(SYS_kcmp, a, b, type, 0, 0) == 0; }
static void count_signal(int signal) { handled += signal; handler_pid = syscall(SYS_getpid); }

static void count_end(int signal) { (void)signal; ended++; }

static pid_t grow(int (*run)(void *), long which, int flags)
{
	return MUST(clone(run, stacks[which] + sizeof stacks[which], flags, (void *)which));
}

static int live(void *which)
{
	long me = (long)which;
	pids[me] = syscall(me == THREAD ? SYS_gettid : SYS_getpid);
	/* Deep in its own stack there is something to lose. */
	uint64_t pattern[64];
	fill(pattern, sizeof pattern, me);
	while (!over) {
		turns[me]++;
		nap(1);
		if (!filled(pattern, sizeof pattern, me)) turns[me] = -1000000;
	}
	return 7;
}

static int live_with_family(void *which)
{
	grow(live, GRANDCHILD, CLONE_VM | SIGCHLD);
	grow(live, THREAD, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM);
	return live(which);
}

int main(void)
{
	signal(SIGUSR1, count_signal);
	signal(SIGRTMIN + 3, count_end);
	grow(live_with_family, CHILD, CLONE_VM | SIGCHLD);
	grow(live, LINUX_THREAD, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | (SIGRTMIN + 3));
	/* Another memory, which two have that are no relatives of the first's but for their parent. */
	if (fork() == 0) {
		signal(SIGUSR2, SIG_IGN);
		grow(live, SIBLING, CLONE_VM | CLONE_PARENT | SIGCHLD);
		while (!over) { turns[CHILD]++; if (getppid() == 1) _exit(1); nap(2); }
		_exit(turns[SIBLING] > 0 ? 0 : 1);
	}
	while (!pids[CHILD] || !pids[LINUX_THREAD] || !pids[GRANDCHILD] || !pids[THREAD]) nap(1);
	uint64_t *heap = malloc(300000);
	fill(heap, 300000, 5);
	ready_and_wait();

	pid_t self = getpid();
	for (int i = 0; i <= GRANDCHILD; i++) if (i != SIBLING) CHECK(same(KCMP_VM, self, pids[i]));
	CHECK(same(KCMP_SIGHAND, self, pids[LINUX_THREAD]) && same(KCMP_FILES, self, pids[LINUX_THREAD]) && same(KCMP_FS, self, pids[LINUX_THREAD]));
	CHECK(!same(KCMP_SIGHAND, self, pids[CHILD]) && !same(KCMP_SIGHAND, pids[CHILD], pids[GRANDCHILD]) && !same(KCMP_FILES, self, pids[CHILD]));
	CHECK(filled(heap, 300000, 5));
	/* All of them go on, and what one writes the others see. */
	long before[ALL];
	for (int i = 0; i < ALL; i++) before[i] = turns[i];
	for (int i = 0; i < ALL; i++) if (i != SIBLING) AWAIT(turns[i] > before[i]);
	for (int i = 0; i < ALL; i++) if (i != SIBLING) CHECK(turns[i] > before[i] && before[i] > 0);
	/* Handlers: the same for who shares them, still there for who got a copy. */
	EQUAL(kill(pids[LINUX_THREAD], SIGUSR1), 0);
	AWAIT(handler_pid == pids[LINUX_THREAD]);
	EQUAL(handler_pid, pids[LINUX_THREAD]);
	EQUAL(kill(pids[GRANDCHILD], SIGUSR1), 0);
	AWAIT(handler_pid == pids[GRANDCHILD]);
	EQUAL(handler_pid, pids[GRANDCHILD]);
	EQUAL(handled, 2 * SIGUSR1);
	/* The two with a memory of their own. */
	char path[64], children[256], word[64];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", self, self);
	CHECK(slurp(path, children, sizeof children) > 0);
	pid_t pair[2] = { 0 };
	int strangers = 0;
	for (char *at = children; sscanf(at, "%63s", word) == 1; at = strstr(at, word) + strlen(word)) {
		pid_t pid = atoi(word);
		if (!same(KCMP_VM, self, pid)) pair[strangers++ & 1] = pid;
	}
	EQUAL(strangers, 2);
	CHECK(same(KCMP_VM, pair[0], pair[1]) && !same(KCMP_SIGHAND, pair[0], pair[1]));
	for (int i = 0; i < 2; i++) if (pair[i]) kill(pair[i], SIGKILL);
	over = 1;
	int status;
	EQUAL(waitpid(pids[CHILD], &status, 0), pids[CHILD]);
	EQUAL(status, 7 << 8);
	EQUAL(waitpid(pids[LINUX_THREAD], &status, __WCLONE), pids[LINUX_THREAD]);
	EQUAL(status, 7 << 8);
	EQUAL(ended, 1);
	while (waitpid(-1, NULL, __WALL) > 0) ;
	return finish();
}
