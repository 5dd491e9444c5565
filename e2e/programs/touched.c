/*
 * argv[1] MiB of touched private memory, every page different. A thread says `gap MICROSECONDS` whenever it was not run for
 * more than 2 ms: how long a dump froze it, told by who was frozen. For benchmarks.
 */
#include "victim.h"
#include <pthread.h>

static void *watch(void *arg)
{
	struct timespec last, now, pause = { 0, 200000 };
	clock_gettime(CLOCK_MONOTONIC, &last);
	while (!arg || *(volatile int *)arg == 0) {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		long gap = (now.tv_sec - last.tv_sec) * 1000000 + (now.tv_nsec - last.tv_nsec) / 1000;
		if (gap > 2000) say("gap %ld", gap);
		last = now;
	}
	return arg;
}

int main(int argc, char **argv)
{
	static volatile int stop;
	size_t size = (argc > 1 ? atol(argv[1]) : 64) << 20;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	fill(at, size, 1);
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, watch, (void *)&stop) ? -1 : 0);
	ready_and_wait();
	stop = 1;
	pthread_join(thread, NULL);
	CHECK(filled(at, size, 1));
	return finish();
}
