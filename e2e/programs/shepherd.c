/*
 * Starts the tests' processes and adopts what they leave behind: it is their subreaper (prctl(2)), reaps at once (pid 1
 * may take seconds, and a zombie still owns its pid), and kills its whole flock when its stdin closes, so that nothing
 * outlives a test, however the test ends. System V segments that they made and nobody has attached go, too, and semaphore
 * sets that they were the last to change.
 *
 * stdin, a line each, fields separated by tabs:
 *   run ID SESSION CWD OUT ARGV...     SESSION 1: setsid(2) first; stdout and stderr are appended to OUT
 * stdout, a line each:
 *   started ID PID
 *   exited PID STATUS USER_US SYSTEM_US MAXRSS_KB      STATUS as of wait(2)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGS 256

static void become(char **field)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (field[0][0] == '1' && setsid() < 0) _exit(126);
	if (chdir(field[1]) < 0) _exit(126);
	int in = open("/dev/null", O_RDONLY), out = open(field[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (in < 0 || out < 0) _exit(126);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	close_range(3, ~0U, 0);
	execvp(field[3], field + 3);
	dprintf(2, "cannot run %s: %s\n", field[3], strerror(errno));
	_exit(127);
}

static void obey(char *line)
{
	char *field[MAX_ARGS], *rest = line;
	int n = 0;
	while (rest && n < MAX_ARGS - 1) field[n++] = strsep(&rest, "\t");
	field[n] = NULL;
	if (n < 6 || strcmp(field[0], "run")) {
		fprintf(stderr, "shepherd: no such command: %s\n", field[0]);
		exit(2);
	}
	pid_t pid = fork();
	if (pid == 0) become(field + 2);
	printf("started %s %d\n", field[1], pid);
}

/* A bit for each pid that was ours. */
static unsigned char ours[(1 << 22) / 8];

static void note(pid_t pid)
{
	ours[pid / 8] |= 1 << pid % 8;
}

static void reap(void)
{
	int status;
	struct rusage use;
	pid_t pid;
	while ((pid = wait4(-1, &status, WNOHANG, &use)) > 0)
		note(pid), printf("exited %d %d %ld %ld %ld\n", pid, status, use.ru_utime.tv_sec * 1000000L + use.ru_utime.tv_usec,
				  use.ru_stime.tv_sec * 1000000L + use.ru_stime.tv_usec, use.ru_maxrss);
}

/* Kills children until there are none: those of the killed come to us, and are next. */
static void slaughter(void)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	for (;;) {
		FILE *list = fopen(path, "r");
		int pid;
		while (list && fscanf(list, "%d", &pid) == 1) kill(pid, SIGKILL);
		if (list) fclose(list);
		pid = waitpid(-1, NULL, 0);
		if (pid < 0 && errno == ECHILD) return;
		for (; pid > 0; pid = waitpid(-1, NULL, WNOHANG)) note(pid);
	}
}

/* The kernel keeps segments when their processes have ended. */
static void remove_segments(void)
{
	struct shm_info info;
	int last = shmctl(0, SHM_INFO, (struct shmid_ds *)&info);
	for (int i = 0; i <= last; i++) {
		struct shmid_ds ds;
		int id = shmctl(i, SHM_STAT, &ds);
		if (id >= 0 && ds.shm_nattch == 0 && ours[ds.shm_cpid / 8] >> ds.shm_cpid % 8 & 1) shmctl(id, IPC_RMID, NULL);
	}
}

static void remove_semaphores(void)
{
	struct seminfo info;
	int last = semctl(0, 0, SEM_INFO, &info);
	for (int i = 0; i <= last; i++) {
		struct semid_ds ds;
		int id = semctl(i, 0, SEM_STAT, &ds);
		int pid = id < 0 ? 0 : semctl(id, 0, GETPID);
		if (pid > 0 && ours[pid / 8] >> pid % 8 & 1) semctl(id, 0, IPC_RMID);
	}
}

int main(void)
{
	static char buffer[1 << 16];
	size_t held = 0;
	sigset_t chld;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setsid(); /* a signal to the tests' terminal must not reach us before stdin is closed */
	int children = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd events[] = { { .fd = 0, .events = POLLIN }, { .fd = children, .events = POLLIN } };
	for (;;) {
		if (poll(events, 2, -1) < 0 && errno != EINTR) return 1;
		struct signalfd_siginfo info;
		while (read(children, &info, sizeof info) > 0) ;
		reap();
		if (!events[0].revents) continue;
		ssize_t got = read(0, buffer + held, sizeof buffer - held);
		if (got <= 0) break;
		held += got;
		for (char *end; (end = memchr(buffer, '\n', held));) {
			*end = 0;
			obey(buffer);
			held -= end + 1 - buffer;
			memmove(buffer, end + 1, held);
		}
	}
	slaughter();
	remove_segments();
	remove_semaphores();
	return 0;
}
