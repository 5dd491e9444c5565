/* Resource limits, nice, scheduling policy and affinity (per thread), io priority, oom_score_adj, timer slack, coredump filter. */
#include "victim.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define IOPRIO(class, level) ((class) << 13 | (level))
static volatile int stage, policy_ok;
static int batch_ok, idle_ok, rt_ok;

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int good = fd >= 0 && write(fd, text, strlen(text)) > 0;
	close(fd);
	return good;
}

static void *other(void *arg)
{
	struct sched_param zero = { 0 };
	idle_ok = sched_setscheduler(0, SCHED_IDLE, &zero) == 0;
	MUST(setpriority(PRIO_PROCESS, gettid(), 7));
	MUST(syscall(SYS_ioprio_set, 1, 0, IOPRIO(2, 6)));
	MUST(prctl(PR_SET_TIMERSLACK, 123456));
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	MUST(sched_setaffinity(0, sizeof one, &one));
	stage = 1;
	while (stage == 1) nap(5);
	EQUAL(sched_getscheduler(0), idle_ok ? SCHED_IDLE : SCHED_OTHER);
	EQUAL(getpriority(PRIO_PROCESS, gettid()), 7);
	EQUAL(syscall(SYS_ioprio_get, 1, 0), IOPRIO(2, 6));
	EQUAL(prctl(PR_GET_TIMERSLACK), 123456);
	cpu_set_t now;
	EQUAL(sched_getaffinity(0, sizeof now, &now), 0);
	CHECK(CPU_EQUAL(&now, &one));
	return arg;
}

int main(void)
{
	static const struct { int what; rlim_t soft, hard; } limits[] = {
		{ RLIMIT_NOFILE, 345, 678 }, { RLIMIT_CORE, 1000, 2000000 }, { RLIMIT_FSIZE, 1 << 28, 1 << 29 }, { RLIMIT_STACK, 4 << 20, 64 << 20 },
		{ RLIMIT_AS, 3UL << 30, 4UL << 30 }, { RLIMIT_NPROC, 3000, 4000 }, { RLIMIT_SIGPENDING, 55, 66 }, { RLIMIT_MSGQUEUE, 1000, 2000 },
		{ RLIMIT_RTTIME, 100000000, 200000000 }, { RLIMIT_DATA, 1UL << 30, 2UL << 30 }, { RLIMIT_CPU, 10000, RLIM_INFINITY }, { RLIMIT_LOCKS, 5, 6 },
	};
	enum { N = sizeof limits / sizeof *limits };
	int set[N];
	pthread_t thread;
	for (int i = 0; i < N; i++) {
		struct rlimit limit = { limits[i].soft, limits[i].hard };
		set[i] = setrlimit(limits[i].what, &limit) == 0; /* raising needs CAP_SYS_RESOURCE */
	}
	MUST(pthread_create(&thread, NULL, other, NULL) ? -1 : 0);
	while (stage == 0) nap(1);
	struct sched_param zero = { 0 }, five = { 5 };
	batch_ok = sched_setscheduler(0, SCHED_BATCH, &zero) == 0;
	MUST(setpriority(PRIO_PROCESS, 0, 5));
	rt_ok = 0;
	(void)five;
	MUST(syscall(SYS_ioprio_set, 1, 0, IOPRIO(3, 0)));
	MUST(prctl(PR_SET_TIMERSLACK, 777000));
	put("/proc/self/oom_score_adj", "321");
	put("/proc/self/coredump_filter", "0x7f");
	ready_and_wait();

	for (int i = 0; i < N; i++) {
		struct rlimit now;
		if (!set[i]) continue;
		EQUAL(getrlimit(limits[i].what, &now), 0);
		EQUAL(now.rlim_cur, limits[i].soft);
		EQUAL(now.rlim_max, limits[i].hard);
	}
	EQUAL(sched_getscheduler(0), batch_ok ? SCHED_BATCH : SCHED_OTHER);
	EQUAL(getpriority(PRIO_PROCESS, gettid()), 5);
	EQUAL(syscall(SYS_ioprio_get, 1, 0), IOPRIO(3, 0));
	EQUAL(prctl(PR_GET_TIMERSLACK), 777000);
	char text[64];
	CHECK(slurp("/proc/self/oom_score_adj", text, sizeof text) > 0 && atoi(text) == 321);
	CHECK(slurp("/proc/self/coredump_filter", text, sizeof text) > 0 && strtol(text, NULL, 16) == 0x7f);
	stage = 2;
	pthread_join(thread, NULL);
	return finish();
}
