/*
 * System calls that sleep while the program is dumped: each in a thread of its own. None may come back with EINTR (unless the
 * kernel says so for any stop: see signal(7)), and none may lose or gain time: a sleep ends when it would have ended, by the
 * clock it sleeps by.
 */
#include "victim.h"
#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#define LONG_MS 4000 /* ends after two dumps and restores, if all is quick */
static int go_pipe[2], quiet[2], listener, epoll_quiet;
static uint32_t word, word2;
static volatile int told;

struct sleeper { const char *name; long (*call)(void); long want; int want_errno; int timed; /* ends by itself after LONG_MS */ int may_eintr; /* so says signal(7): after any stop */
	long got; int got_errno; long long took, began; pthread_t thread; volatile pid_t tid; volatile int done; };

static struct timespec span(long ms) { return (struct timespec){ ms / 1000, ms % 1000 * 1000000 }; }
static long do_nanosleep(void) { struct timespec t = span(LONG_MS), left; return syscall(SYS_nanosleep, &t, &left); }
static long do_clock_rel(void) { struct timespec t = span(LONG_MS), left; return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, &left); }
static long do_clock_abs(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += LONG_MS / 1000;
	t.tv_nsec += LONG_MS % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static long do_poll(void) { struct pollfd p = { quiet[0], POLLIN, 0 }; return syscall(SYS_poll, &p, 1, LONG_MS); }
static long do_ppoll(void) { struct pollfd p = { quiet[0], POLLIN, 0 }; struct timespec t = span(LONG_MS); return syscall(SYS_ppoll, &p, 1, &t, NULL, 8); }
static long do_select(void) { fd_set r; FD_ZERO(&r); FD_SET(quiet[0], &r); struct timeval t = { LONG_MS / 1000, LONG_MS % 1000 * 1000 }; return syscall(SYS_select, quiet[0] + 1, &r, NULL, NULL, &t); }
static long do_pselect(void) { fd_set r; FD_ZERO(&r); FD_SET(quiet[0], &r); struct timespec t = span(LONG_MS); return syscall(SYS_pselect6, quiet[0] + 1, &r, NULL, NULL, &t, NULL); }
static long do_futex_rel(void) { struct timespec t = span(LONG_MS); return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0); }
static long do_futex_abs(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += LONG_MS / 1000 + 1;
	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY);
}
static long do_futex_forever(void) { return syscall(SYS_futex, &word2, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0); }
static long do_read(void) { char c; return read(go_pipe[0], &c, 1); }
static long do_poll_forever(void) { struct pollfd p = { go_pipe[0], POLLIN, 0 }; return poll(&p, 1, -1); }
static long do_wait4(void)
{
	pid_t child = fork();
	if (child == 0) {
		while (!told_to_go()) nap(10);
		_exit(7);
	}
	int status = 0;
	long got = wait4(child, &status, 0, NULL);
	return got == child ? status : -1;
}
static long do_waitid(void)
{
	pid_t child = fork();
	if (child == 0) {
		while (!told_to_go()) nap(10);
		_exit(9);
	}
	siginfo_t info = { 0 };
	long got = waitid(P_PID, child, &info, WEXITED);
	return got == 0 && info.si_pid == child ? info.si_status : -1;
}
static long do_accept(void) { return accept(listener, NULL, NULL) >= 0 ? 0 : -1; }
static long do_recv_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct timeval t = { LONG_MS / 1000, LONG_MS % 1000 * 1000 };
	char c;
	/* with a timeout: signal(7) lists it among the calls that fail with EINTR after a stop; either end is the kernel's own */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	struct sockaddr_in any = { .sin_family = AF_INET };
	if (bind(fd, (void *)&any, sizeof any)) return -2;
	long got = recv(fd, &c, 1, 0);
	return got == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : got;
}
static long do_epoll_wait(void) { struct epoll_event e; long got = epoll_wait(epoll_quiet, &e, 1, LONG_MS); return got == -1 && errno == EINTR ? 0 : got; /* signal(7): EINTR after any stop */ }
static void on_signal(int signal) { (void)signal; }
static long do_pause(void)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	return pause();
}
static long do_sigsuspend(void)
{
	sigset_t mask, now;
	sigfillset(&mask);
	sigdelset(&mask, SIGUSR2);
	long got = sigsuspend(&mask);
	int error = errno;
	pthread_sigmask(SIG_SETMASK, NULL, &now); /* the mask from before is back */
	if (sigismember(&now, SIGUSR2) != 1 || sigismember(&now, SIGWINCH) != 0) return -3;
	errno = error;
	return got;
}
static long do_sigtimedwait(void)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 1);
	struct timespec t = span(LONG_MS);
	long got = sigtimedwait(&one, NULL, &t);
	return got == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : got; /* signal(7): EINTR after any stop */
}
static long do_sigwaitinfo(void)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 2);
	long got;
	while ((got = sigwaitinfo(&one, NULL)) == -1 && errno == EINTR) ;
	return got == SIGRTMIN + 2 ? 0 : got;
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static long do_cond_timed(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += LONG_MS / 1000 + 1;
	pthread_mutex_lock(&mutex);
	int got;
	while ((got = pthread_cond_timedwait(&cond, &mutex, &t)) == 0) ;
	pthread_mutex_unlock(&mutex);
	return got;
}
static long do_mutex(void) { return pthread_mutex_lock(&held); }

static struct sleeper sleepers[] = {
	{ .name = "nanosleep", .call = do_nanosleep, .timed = 1 }, { .name = "clock_nanosleep relative", .call = do_clock_rel, .timed = 1 },
	{ .name = "clock_nanosleep absolute", .call = do_clock_abs, .timed = 1 }, { .name = "poll", .call = do_poll, .timed = 1 },
	{ .name = "ppoll", .call = do_ppoll, .timed = 1 }, { .name = "select", .call = do_select, .timed = 1 },
	{ .name = "pselect", .call = do_pselect, .timed = 1 },
	{ .name = "futex wait", .call = do_futex_rel, .want = -1, .want_errno = ETIMEDOUT, .timed = 5 /* nothing tells how much is left: it begins anew */ },
	{ .name = "futex wait until", .call = do_futex_abs, .want = -1, .want_errno = ETIMEDOUT, .timed = 2 },
	{ .name = "futex wait for ever", .call = do_futex_forever }, { .name = "read of a pipe", .call = do_read, .want = 1 },
	{ .name = "poll for ever", .call = do_poll_forever, .want = 1 }, { .name = "wait4", .call = do_wait4, .want = 7 << 8 },
	{ .name = "waitid", .call = do_waitid, .want = 9 },
	{ .name = "accept", .call = do_accept }, { .name = "recv with a timeout", .call = do_recv_udp, .may_eintr = 1 }, { .name = "epoll_wait", .call = do_epoll_wait, .may_eintr = 1 },
	{ .name = "pause", .call = do_pause, .want = -1, .want_errno = EINTR }, { .name = "sigsuspend", .call = do_sigsuspend, .want = -1, .want_errno = EINTR },
	{ .name = "sigtimedwait", .call = do_sigtimedwait, .may_eintr = 1 }, { .name = "sigwaitinfo", .call = do_sigwaitinfo },
	{ .name = "pthread_cond_timedwait", .call = do_cond_timed, .want = ETIMEDOUT, .timed = 2 }, { .name = "pthread_mutex_lock", .call = do_mutex },
};
enum { N = sizeof sleepers / sizeof *sleepers };

/* How long the program was stopped or gone: a clock that jumps. */
static volatile long long gone_ms;
static void *watch_the_clock(void *unused)
{
	(void)unused;
	for (long long before = now_ms(CLOCK_MONOTONIC), now; !told; before = now) {
		nap(5);
		now = now_ms(CLOCK_MONOTONIC);
		if (now - before > 30) gone_ms += now - before;
	}
	return NULL;
}

static void *sleep_in_it(void *arg)
{
	struct sleeper *me = arg;
	errno = 0;
	me->began = now_ms(CLOCK_MONOTONIC);
	me->tid = gettid();
	me->got = me->call();
	me->got_errno = errno;
	me->took = now_ms(CLOCK_MONOTONIC) - me->began;
	me->done = 1;
	return arg;
}

int main(void)
{
	MUST(pipe(go_pipe));
	MUST(pipe(quiet));
	epoll_quiet = MUST(epoll_create1(0));
	struct epoll_event event = { .events = EPOLLIN };
	MUST(epoll_ctl(epoll_quiet, EPOLL_CTL_ADD, quiet[0], &event));
	listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof name;
	MUST(bind(listener, (void *)&name, sizeof name));
	MUST(listen(listener, 1));
	MUST(getsockname(listener, (void *)&name, &length));
	struct sigaction a = { .sa_handler = on_signal };
	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGUSR2, &a, NULL);
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGRTMIN + 1);
	sigaddset(&mask, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	pthread_mutex_lock(&held);
	for (int i = 0; i < N; i++) MUST(pthread_create(&sleepers[i].thread, NULL, sleep_in_it, &sleepers[i]) ? -1 : 0);
	pthread_t watch;
	MUST(pthread_create(&watch, NULL, watch_the_clock, NULL) ? -1 : 0);
	for (int i = 0; i < N; i++) AWAIT(sleepers[i].tid);
	nap(100);
	ready_and_wait();

	for (int i = 0; i < N; i++)
		if (sleepers[i].want_errno != EINTR && !sleepers[i].may_eintr && !sleepers[i].timed && sleepers[i].done && sleepers[i].got_errno == EINTR)
			say("not ok - %s was interrupted", sleepers[i].name), victim_failures++;
	told = 1;
	pthread_join(watch, NULL);
	long long late = now_ms(CLOCK_MONOTONIC); /* on a slow machine the dumps took longer than the sleeps */
	word2 = 1;
	syscall(SYS_futex, &word2, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	CHECK(write(go_pipe[1], "xy", 2) == 2);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	EQUAL(connect(client, (void *)&name, length), 0);
	for (int i = 0; i < N; i++) {
		/* Whoever has not run since the restore would have the signal first, and then sleep for ever. */
		if (sleepers[i].call == do_pause || sleepers[i].call == do_sigsuspend) settle(sleepers[i].tid);
		if (sleepers[i].call == do_pause) CHECK(!sleepers[i].done && !pthread_kill(sleepers[i].thread, SIGUSR1));
		if (sleepers[i].call == do_sigsuspend) CHECK(!sleepers[i].done && !pthread_kill(sleepers[i].thread, SIGUSR2));
		if (sleepers[i].call == do_sigwaitinfo) CHECK(!sleepers[i].done && !pthread_kill(sleepers[i].thread, SIGRTMIN + 2));
	}
	pthread_mutex_unlock(&held);
	for (int i = 0; i < N; i++) {
		struct sleeper *s = &sleepers[i];
		pthread_join(s->thread, NULL);
		int good = s->got == s->want && (!s->want_errno || s->got_errno == s->want_errno);
		long long longest = late - s->began > LONG_MS ? late - s->began : LONG_MS;
		if (good && s->timed) good = s->took >= LONG_MS - 2 && s->took < longest + gone_ms + 1000 * s->timed;
		say("%sok - %s: %ld, errno %d, after %lld ms", good ? "" : "not ", s->name, s->got, s->got_errno, s->took);
		victim_failures += !good;
	}
	return finish();
}
