/* setitimer(2), alarm(2) and timer_create(2): armed, with intervals, disarmed, all ways to notify, overruns, clocks, gaps in the ids. */
#include "victim.h"
#include <pthread.h>
#include <sys/time.h>

static volatile int alarms, vtalarms, ticks[8], thread_ticks, wrong;
static volatile pid_t wanted_tid;

static void on_alarm(int signal) { (void)signal; alarms++; }
static void on_virtual(int signal) { (void)signal; vtalarms++; }
static void on_tick(int signal, siginfo_t *info, void *context)
{
	(void)signal; (void)context;
	if (info->si_code != SI_TIMER || info->si_value.sival_int < 0 || info->si_value.sival_int > 7) wrong++;
	else ticks[info->si_value.sival_int]++;
}
static void on_thread_tick(int signal, siginfo_t *info, void *context)
{
	(void)signal; (void)info; (void)context;
	if (gettid() == wanted_tid) thread_ticks++;
	else wrong++;
}

static timer_t make(clockid_t clock, int notify, int signal, int value, pid_t tid)
{
	timer_t timer;
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = signal, .sigev_value.sival_int = value };
	event._sigev_un._tid = tid;
	MUST(timer_create(clock, notify == -1 ? NULL : &event, &timer));
	return timer;
}
static void arm(timer_t timer, long first_ms, long interval_ms)
{
	struct itimerspec at = { { interval_ms / 1000, interval_ms % 1000 * 1000000 }, { first_ms / 1000, first_ms % 1000 * 1000000 } };
	MUST(timer_settime(timer, 0, &at, NULL));
}

static volatile int stop;
static void *sleeper(void *arg)
{
	wanted_tid = gettid();
	while (!stop) nap(3);
	return arg;
}

int main(void)
{
	signal(SIGALRM, on_alarm);
	signal(SIGVTALRM, on_virtual);
	struct sigaction a = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigaction(SIGRTMIN + 1, &a, NULL);
	a.sa_sigaction = on_thread_tick;
	sigaction(SIGRTMIN + 2, &a, NULL);
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, sleeper, NULL) ? -1 : 0);
	while (!wanted_tid) nap(1);

	struct itimerval every = { { 0, 20000 }, { 0, 20000 } }, far = { { 50, 0 }, { 4000, 0 } };
	MUST(setitimer(ITIMER_REAL, &every, NULL));
	MUST(setitimer(ITIMER_PROF, &far, NULL));
	timer_t gone = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0);
	timer_t often = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 1, 0);
	timer_t idle = make(CLOCK_REALTIME, SIGEV_SIGNAL, SIGRTMIN + 1, 2, 0);
	timer_t none = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 3, 0);
	timer_t to_thread = make(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN + 2, 4, wanted_tid);
	timer_t late = make(CLOCK_BOOTTIME, SIGEV_SIGNAL, SIGRTMIN + 1, 5, 0);
	timer_t cpu = make(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 1, 6, 0);
	timer_t overrun = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 3, 7, 0);
	MUST(timer_delete(gone)); /* ids are not dense */
	arm(often, 10, 10);
	arm(none, 3000000, 60000);
	arm(to_thread, 15, 15);
	arm(late, 3600000, 0);
	arm(cpu, 3600000, 1000);
	arm(overrun, 5, 5); /* its signal is blocked: it overruns */
	nap(60);
	ready_and_wait();

	int a0 = alarms, t0 = ticks[1], h0 = thread_ticks;
	nap(300);
	AWAIT(alarms - a0 >= 5 && ticks[1] - t0 >= 10 && thread_ticks - h0 >= 6);
	CHECK(alarms - a0 >= 5);
	CHECK(ticks[1] - t0 >= 10);
	CHECK(thread_ticks - h0 >= 6);
	EQUAL(wrong, 0);
	struct itimerval left;
	EQUAL(getitimer(ITIMER_REAL, &left), 0);
	EQUAL(left.it_interval.tv_usec, 20000);
	EQUAL(getitimer(ITIMER_PROF, &left), 0);
	CHECK(left.it_value.tv_sec > 3900 && left.it_value.tv_sec <= 4000);
	EQUAL(left.it_interval.tv_sec, 50);
	EQUAL(getitimer(ITIMER_VIRTUAL, &left), 0);
	EQUAL(left.it_value.tv_sec | left.it_value.tv_usec, 0);
	struct itimerspec at;
	EQUAL(timer_gettime(idle, &at), 0);
	EQUAL(at.it_value.tv_sec | at.it_value.tv_nsec, 0);
	EQUAL(timer_gettime(none, &at), 0);
	CHECK(at.it_value.tv_sec > 2900 && at.it_value.tv_sec <= 3000);
	EQUAL(at.it_interval.tv_sec, 60);
	EQUAL(timer_gettime(late, &at), 0);
	CHECK(at.it_value.tv_sec > 3500 && at.it_value.tv_sec <= 3600);
	EQUAL(timer_gettime(cpu, &at), 0);
	CHECK(at.it_value.tv_sec > 3500 && at.it_value.tv_sec <= 3600);
	EQUAL(at.it_interval.tv_sec, 1);
	struct timespec second = { 1, 0 };
	siginfo_t info;
	EQUAL(sigtimedwait(&blocked, &info, &second), SIGRTMIN + 3);
	EQUAL(info.si_code, SI_TIMER);
	EQUAL(info.si_value.sival_int, 7);
	/* a pending signal may have become a plain one in each round, and the timer's own comes after those */
	for (int i = 0; i < 2 && timer_getoverrun(overrun) < 20; i++) EQUAL(sigtimedwait(&blocked, &info, &second), SIGRTMIN + 3);
	CHECK(timer_getoverrun(overrun) >= 20);
	arm(idle, 10, 0);
	nap(50);
	AWAIT(ticks[2]);
	EQUAL(ticks[2], 1);
	EQUAL(timer_delete(often), 0);
	timer_t fresh = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 0, 0); /* new ones don't collide */
	arm(fresh, 10, 0);
	nap(50);
	AWAIT(ticks[0]);
	EQUAL(ticks[0], 1);
	EQUAL(timer_delete(to_thread), 0);
	stop = 1;
	pthread_join(thread, NULL);
	return finish();
}
