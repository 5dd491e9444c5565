/*
 * Main threads that have ended while others of their process work on: the root's by pthread_exit(3), and one of a child by
 * exit(2) with a code of its own, which /proc/PID/stat shows.
 *   filtered   the others have a seccomp filter
 *   bereaved   the child wants a signal when its parent dies
 */
#include "victim.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>

#define CODE 7
#define LAST_CODE 3

static unsigned long beats;
static volatile int stop;
static __thread int mine;
static pthread_t beater;
static const char *variant = "";

static void *beat(void *arg)
{
	mine = (int)(long)arg;
	while (!stop) {
		__atomic_add_fetch(&beats, 1, __ATOMIC_RELAXED);
		nap(5);
	}
	return (void *)(long)(mine + 1);
}

/* The state of the main thread, as /proc tells it: the third field of its stat; the last is how it ended. */
static char main_state(char *comm, size_t size, int *status)
{
	char path[64], stat[512];
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
	if (slurp(path, stat, sizeof stat) < 0) return '?';
	char *end = strrchr(stat, ')');
	if (comm) snprintf(comm, size, "%.*s", (int)(end - strchr(stat, '(') - 1), strchr(stat, '(') + 1);
	if (status) *status = atoi(strrchr(stat, ' '));
	return end ? end[2] : '?';
}

/* The last thread of the child. */
static void *childs(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "childs-thread");
	mine = 41;
	if (!strcmp(variant, "bereaved")) prctl(PR_SET_PDEATHSIG, SIGURG);
	while (!told_to_go()) nap(5);
	char comm[32] = "";
	int status = -1;
	if (mine != 41 || main_state(comm, sizeof comm, &status) != 'Z' || strcmp(comm, "childs-main") || status != CODE << 8) exit(99);
	syscall(SYS_exit, LAST_CODE);
	return NULL;
}

static void *roots(void *arg)
{
	int *files = arg;
	prctl(PR_SET_NAME, "second");
	MUST(pthread_create(&beater, NULL, beat, (void *)(long)5) ? -1 : 0);
	pid_t child = MUST(fork());
	if (child == 0) {
		pthread_t last;
		prctl(PR_SET_NAME, "childs-main");
		if (pthread_create(&last, NULL, childs, NULL)) _exit(98);
		syscall(SYS_exit, CODE);
	}
	if (!strcmp(variant, "filtered")) {
		struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		struct sock_fprog program = { 1, &allow };
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	}
	struct flock lock = { .l_type = F_WRLCK, .l_len = 10 };
	MUST(fcntl(files[0], F_SETLK, &lock));
	MUST(kill(getpid(), SIGUSR1));
	while (main_state(NULL, 0, NULL) != 'Z') nap(1);
	for (char path[64], stat[512];; nap(1)) {
		snprintf(path, sizeof path, "/proc/%d/stat", child);
		if (slurp(path, stat, sizeof stat) > 0 && strstr(stat, ") Z")) break;
	}
	ready_and_wait();

	char comm[32];
	EQUAL(main_state(comm, sizeof comm, NULL), 'Z');
	CHECK(!strcmp(comm, "main_ended"));
	CHECK(prctl(PR_GET_NAME, comm) == 0 && !strcmp(comm, "second"));
	unsigned long then = beats;
	nap(100);
	CHECK(beats > then);
	stop = 1;
	void *result;
	EQUAL(pthread_join(beater, &result), 0);
	EQUAL((long)result, 6);
	sigset_t pending;
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGUSR1));
	/* Of another process the lock would be in the way. */
	pid_t other = fork();
	if (other == 0) {
		struct flock wanted = { .l_type = F_WRLCK, .l_len = 10 };
		_exit(fcntl(files[0], F_GETLK, &wanted) || wanted.l_type != F_WRLCK || wanted.l_pid != getppid());
	}
	int status = -1;
	EQUAL(waitpid(other, &status, 0), other);
	EQUAL(status, 0);
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, LAST_CODE << 8);
	exit(finish());
}

int main(int argc, char **argv)
{
	static int files[1];
	if (argc > 1) variant = argv[1];
	pthread_t thread;
	sigset_t usr1;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	files[0] = MUST(open("locked", O_CREAT | O_RDWR, 0600));
	MUST(pthread_create(&thread, NULL, roots, files) ? -1 : 0);
	pthread_exit(NULL);
}
