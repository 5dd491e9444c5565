/* rseq(2): glibc's registration per thread still works (cpu_id is kept up to date), and a thread in a critical section is aborted. */
#include "victim.h"
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>

#define MINE ((volatile struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset))
static volatile int stage;

static void *other(void *arg)
{
	stage = 1;
	while (stage == 1) nap(3);
	EQUAL(MINE->cpu_id, sched_getcpu());
	return arg;
}

int main(void)
{
	if (__rseq_size == 0) skip("this libc registered no rseq");
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, other, NULL) ? -1 : 0);
	while (!stage) nap(1);
	ready_and_wait();
	int good = 1;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof one, &one)) continue;
		good &= MINE->cpu_id == (uint32_t)i && MINE->cpu_id_start == (uint32_t)i;
	}
	CHECK(good); /* the kernel writes to where it was registered */
	/* registering again what is registered: EBUSY; with another signature: EPERM */
	EQUAL(syscall(SYS_rseq, MINE, 32, 0, RSEQ_SIG), -1);
	CHECK(errno == EBUSY || errno == EINVAL);
	stage = 2;
	pthread_join(thread, NULL);
	return finish();
}
