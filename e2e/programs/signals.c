/* Handlers with flags and masks, signal masks per thread, pending signals: standard, queued realtime, per thread and per process. */
#include "victim.h"
#include <pthread.h>

static volatile int got[65], order[64], values[64], codes[64], pids[64], count;
static int stage;

static void handler(int signal) { got[signal]++; }
static void action(int signal, siginfo_t *info, void *context)
{
	(void)context;
	int at = count++;
	got[signal]++;
	order[at] = signal;
	values[at] = info->si_value.sival_int;
	codes[at] = info->si_code;
	pids[at] = info->si_pid;
}

static void *other(void *arg)
{
	sigset_t mask, pending;
	sigfillset(&mask);
	sigdelset(&mask, SIGTRAP);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	MUST(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2));
	union sigval value = { .sival_int = 333 };
	siginfo_t info = { .si_signo = SIGRTMIN + 7, .si_code = SI_QUEUE };
	info.si_pid = 4242;
	info.si_uid = 17;
	info.si_value = value;
	MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGRTMIN + 7, &info));
	__atomic_store_n(&stage, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == 1) nap(5);
	sigpending(&pending);
	EQUAL(sigismember(&pending, SIGUSR2), 1);
	EQUAL(sigismember(&pending, SIGRTMIN + 7), 1);
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 7);
	siginfo_t found;
	struct timespec none = { 0 };
	EQUAL(sigtimedwait(&one, &found, &none), SIGRTMIN + 7);
	EQUAL(found.si_value.sival_int, 333);
	EQUAL(found.si_pid, 4242);
	EQUAL(found.si_uid, 17);
	EQUAL(found.si_code, SI_QUEUE);
	EQUAL(sigtimedwait(&one, &found, &none), -1);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	EQUAL(sigismember(&mask, SIGUSR1), 1);
	EQUAL(sigismember(&mask, SIGCHLD), 1);
	return arg;
}

int main(int argc, char **argv)
{
	int trap = argc > 1 && !strcmp(argv[1], "trap"); /* SIGTRAP pending too: what breakpoints raise */
	struct sigaction a = { .sa_sigaction = action, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigset_t mask, pending;
	sigaddset(&a.sa_mask, SIGALRM);
	sigaddset(&a.sa_mask, SIGRTMAX);
	for (int i = SIGRTMIN; i < SIGRTMIN + 4; i++) MUST(sigaction(i, &a, NULL));
	MUST(sigaction(SIGUSR2, &a, NULL));
	struct sigaction once = { .sa_handler = handler, .sa_flags = SA_RESETHAND | SA_NODEFER };
	MUST(sigaction(SIGUSR1, &once, NULL));
	struct sigaction nochild = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT | SA_NOCLDSTOP };
	MUST(sigaction(SIGCHLD, &nochild, NULL));
	MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);
	MUST(signal(SIGTRAP, handler) == SIG_ERR ? -1 : 0);
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, other, NULL) ? -1 : 0);
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == 0) nap(1);
	sigemptyset(&mask);
	for (int i = SIGRTMIN; i < SIGRTMIN + 4; i++) sigaddset(&mask, i);
	sigaddset(&mask, SIGUSR2);
	if (trap) sigaddset(&mask, SIGTRAP);
	sigaddset(&mask, SIGHUP);
	MUST(pthread_sigmask(SIG_SETMASK, &mask, NULL));
	for (int i = 0; i < 5; i++) { /* realtime signals queue, in order, each with its value */
		union sigval value = { .sival_int = 1000 + i };
		MUST(sigqueue(getpid(), SIGRTMIN + i % 2, value));
	}
	MUST(kill(getpid(), SIGUSR2)); /* this one is the process's */
	MUST(syscall(SYS_tgkill, getpid(), gettid(), SIGRTMIN + 2)); /* this the thread's */
	if (trap) MUST(syscall(SYS_tgkill, getpid(), gettid(), SIGTRAP));
	ready_and_wait();

	EQUAL(count, 0);
	sigpending(&pending);
	for (int i = SIGRTMIN; i < SIGRTMIN + 3; i++) EQUAL(sigismember(&pending, i), 1);
	EQUAL(sigismember(&pending, SIGUSR2), 1);
	EQUAL(sigismember(&pending, SIGHUP), 0);
	sigset_t now;
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	EQUAL(memcmp(&now, &mask, 8), 0);
	stage = 2;
	pthread_join(thread, NULL);
	sigdelset(&mask, SIGHUP);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	EQUAL(got[SIGTRAP], trap);
	EQUAL(count, 7);
	EQUAL(got[SIGRTMIN], 3);
	EQUAL(got[SIGRTMIN + 1], 2);
	EQUAL(got[SIGRTMIN + 2], 1);
	EQUAL(got[SIGUSR2], 1);
	int next[2] = { 1000, 1001 };
	for (int i = 0; i < 7; i++)
		if (order[i] == SIGRTMIN || order[i] == SIGRTMIN + 1) {
			EQUAL(values[i], next[order[i] - SIGRTMIN]);
			EQUAL(codes[i], SI_QUEUE);
			EQUAL(pids[i], getpid());
			next[order[i] - SIGRTMIN] += 2;
		} else EQUAL(codes[i], order[i] == SIGUSR2 ? SI_USER : SI_TKILL);
	struct sigaction is;
	sigaction(SIGRTMIN + 3, NULL, &is);
	CHECK(is.sa_sigaction == action);
	EQUAL(is.sa_flags & (SA_SIGINFO | SA_RESTART | SA_NODEFER | SA_RESETHAND), SA_SIGINFO | SA_RESTART);
	EQUAL(sigismember(&is.sa_mask, SIGALRM), 1);
	EQUAL(sigismember(&is.sa_mask, SIGRTMAX), 1);
	EQUAL(sigismember(&is.sa_mask, SIGTERM), 0);
	sigaction(SIGCHLD, NULL, &is);
	EQUAL(is.sa_flags & (SA_NOCLDWAIT | SA_NOCLDSTOP), SA_NOCLDWAIT | SA_NOCLDSTOP);
	sigaction(SIGPIPE, NULL, &is);
	CHECK(is.sa_handler == SIG_IGN);
	raise(SIGUSR1);
	EQUAL(got[SIGUSR1], 1);
	sigaction(SIGUSR1, NULL, &is);
	CHECK(is.sa_handler == SIG_DFL);
	return finish();
}
