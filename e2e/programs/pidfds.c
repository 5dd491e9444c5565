/* Pidfds: of oneself, of a child, of one that has ended and was waited for, twice; not blocking; one passed through a queue. */
#include "victim.h"
#include <poll.h>
#include <sys/syscall.h>

static int pidfd_of(pid_t pid, int flags) { return MUST(syscall(SYS_pidfd_open, pid, flags)); }
static int signals(int pidfd, int signal) { return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }
static int ended(int pidfd)
{
	struct pollfd poll_ = { pidfd, POLLIN, 0 };
	return poll(&poll_, 1, 0) == 1;
}

int main(void)
{
	int own = pidfd_of(getpid(), 0);
	pid_t child = MUST(fork());
	if (child == 0) for (;;) pause();
	int ours = pidfd_of(child, O_NONBLOCK), again = pidfd_of(child, 0);
	MUST(fcntl(ours, F_SETFD, 0));
	pid_t gone = MUST(fork());
	if (gone == 0) _exit(3);
	int dead = pidfd_of(gone, 0), twin = pidfd_of(gone, 0);
	MUST(waitpid(gone, NULL, 0));
	settle(child);
	ready_and_wait();

	EQUAL(signals(own, 0), 0);
	EQUAL(signals(ours, 0), 0);
	EQUAL(fcntl(ours, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EQUAL(fcntl(ours, F_GETFD), 0);
	EQUAL(fcntl(again, F_GETFD), FD_CLOEXEC);
	siginfo_t info;
	EQUAL(waitid(P_PIDFD, ours, &info, WEXITED), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(ended(again), 0);
	for (int i = 0; i < 2; i++) {
		int fd = i ? dead : twin;
		EQUAL(signals(fd, 0), -1);
		EQUAL(errno, ESRCH);
		CHECK(ended(fd));
	}
	struct stat one, two;
	fstat(dead, &one);
	fstat(twin, &two);
	EQUAL(one.st_ino, two.st_ino);
	EQUAL(signals(again, SIGKILL), 0);
	EQUAL(waitid(P_PIDFD, again, &info, WEXITED), 0);
	EQUAL(info.si_pid, child);
	CHECK(ended(ours));
	return finish();
}
