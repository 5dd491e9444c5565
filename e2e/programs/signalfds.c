/* signalfd(2): mask, flags, signals that wait in it. */
#include "victim.h"
#include <sys/signalfd.h>

int main(void)
{
	sigset_t two, one;
	sigemptyset(&two);
	sigaddset(&two, SIGUSR1);
	sigaddset(&two, SIGRTMIN + 5);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	sigprocmask(SIG_BLOCK, &two, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	int a = MUST(signalfd(-1, &two, SFD_NONBLOCK | SFD_CLOEXEC)), b = MUST(signalfd(-1, &one, SFD_NONBLOCK)), twin = MUST(dup(a));
	union sigval value = { .sival_int = 4711 };
	MUST(sigqueue(getpid(), SIGRTMIN + 5, value));
	MUST(kill(getpid(), SIGUSR1));
	ready_and_wait();

	struct signalfd_siginfo info[4];
	EQUAL(read(twin, info, sizeof info), 2 * sizeof *info);
	EQUAL(info[0].ssi_signo, SIGUSR1);
	EQUAL(info[0].ssi_pid, getpid());
	EQUAL(info[1].ssi_signo, SIGRTMIN + 5);
	EQUAL(info[1].ssi_int, 4711);
	EQUAL(info[1].ssi_code, SI_QUEUE);
	EQUAL(read(a, info, sizeof info), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(kill(getpid(), SIGUSR2), 0);
	EQUAL(read(a, info, sizeof info), -1);
	EQUAL(read(b, info, sizeof info), sizeof *info);
	EQUAL(info[0].ssi_signo, SIGUSR2);
	EQUAL(fcntl(a, F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(twin, F_GETFD), 0);
	return finish();
}
