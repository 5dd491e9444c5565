/*
 * 8 threads that work all the while: on a mutex-guarded sum with a condition variable, with thread-local storage, and with
 * robust mutexes that die with their owner. They are joined in the end (which needs clear_child_tid).
 */
#include "victim.h"
#include <pthread.h>
#include <sys/prctl.h>

#define THREADS 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t robust[THREADS];
static int turn;
static volatile int stop;
static unsigned long shared_sum, rounds[THREADS];
static __thread unsigned long mine;
static __thread char name_of_mine[32] = "initial";

static void *work(void *arg)
{
	long me = (long)arg;
	char comm[16];
	snprintf(comm, sizeof comm, "worker-%ld", me);
	prctl(PR_SET_NAME, comm);
	snprintf(name_of_mine, sizeof name_of_mine, "tls of %ld", me);
	pthread_mutex_lock(&robust[me]); /* held until death */
	while (!stop) {
		pthread_mutex_lock(&lock);
		while (turn != me && !stop) pthread_cond_wait(&turn_changed, &lock);
		turn = (turn + 1) % THREADS;
		shared_sum++;
		mine++;
		pthread_cond_broadcast(&turn_changed);
		pthread_mutex_unlock(&lock);
		if (me == 0) nap(1);
	}
	char want[32], now[16];
	snprintf(want, sizeof want, "tls of %ld", me);
	prctl(PR_GET_NAME, now);
	rounds[me] = strcmp(want, name_of_mine) || strcmp(now, comm) ? 0 : mine;
	return (void *)(me + 100);
}

int main(void)
{
	pthread_t thread[THREADS];
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (long i = 0; i < THREADS; i++) {
		pthread_mutex_init(&robust[i], &attr);
		MUST(pthread_create(&thread[i], NULL, work, (void *)i) ? -1 : 0);
	}
	while (__atomic_load_n(&shared_sum, __ATOMIC_RELAXED) < 100) nap(1);
	say("ready");
	unsigned long long said = 0;
	while (!told_to_go()) {
		if (++said % 20 == 0) say("sum %lu", __atomic_load_n(&shared_sum, __ATOMIC_RELAXED));
		nap(5);
	}
	unsigned long then = shared_sum;
	AWAIT(shared_sum > then);
	CHECK(shared_sum > then);
	stop = 1;
	pthread_mutex_lock(&lock);
	pthread_cond_broadcast(&turn_changed);
	pthread_mutex_unlock(&lock);
	unsigned long sum = 0;
	for (long i = 0; i < THREADS; i++) {
		void *result;
		EQUAL(pthread_join(thread[i], &result), 0);
		EQUAL((long)result, i + 100);
		CHECK(rounds[i] > 0);
		sum += rounds[i];
		EQUAL(pthread_mutex_lock(&robust[i]), EOWNERDEAD);
	}
	EQUAL(sum, shared_sum);
	return finish();
}
