/*
 * Terminals that can't be dumped as they are:
 *   report: one in packet mode, whose master has not read that output was stopped
 *   outer:  one whose master somebody outside of the tree holds, who is killed in the end
 */
#include "victim.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <asm/termbits.h>

static int open_pair(int *slave)
{
	char path[32];
	int index, unlocked = 0;
	int master = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	MUST(ioctl(master, TIOCGPTN, &index));
	MUST(ioctl(master, TIOCSPTLCK, &unlocked));
	snprintf(path, sizeof path, "/dev/pts/%d", index);
	*slave = MUST(open(path, O_RDWR | O_NOCTTY));
	return master;
}

static void report(void)
{
	int slave, master = open_pair(&slave), on = 1;
	char got[8];
	MUST(ioctl(master, TIOCPKT, &on));
	MUST(ioctl(slave, TCXONC, TCOOFF));
	ready_and_wait();
	struct pollfd p = { master, POLLPRI, 0 };
	EQUAL(poll(&p, 1, 0), 1);
	EQUAL(read(master, got, sizeof got), 1);
	EQUAL(got[0] & TIOCPKT_STOP, TIOCPKT_STOP);
}

/* The one who holds the master is an orphan: the child between has ended. */
static void outer(void)
{
	int tell[2], slave;
	MUST(pipe(tell));
	int master = open_pair(&slave);
	pid_t between = MUST(fork());
	if (between == 0) {
		MUST(setsid()); /* or its session would keep our pid from being used again */
		pid_t holder = fork();
		if (holder != 0) _exit(holder < 0 || write(tell[1], &holder, sizeof holder) != sizeof holder);
		close(tell[0]);
		close(tell[1]);
		for (;;) pause();
	}
	MUST(waitpid(between, NULL, 0));
	pid_t holder;
	MUST(read(tell[0], &holder, sizeof holder));
	MUST(close(tell[0]));
	MUST(close(tell[1]));
	MUST(close(master));
	MUST(write(slave, "before\n", 7));
	ready_and_wait();
	EQUAL(write(slave, "after\n", 6), 6);
	struct winsize w;
	EQUAL(ioctl(slave, TIOCGWINSZ, &w), 0);
	EQUAL(kill(holder, SIGKILL), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "report")) report();
	else outer();
	return finish();
}
