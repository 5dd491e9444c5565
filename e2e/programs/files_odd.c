/*
 * Files with a life of their own: namespaces, leases of each kind, one of them being broken, a watch of a file that was
 * removed, files of /proc of a process that has ended, and those about the program's own descriptors and threads.
 */
#include "victim.h"
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/prctl.h>

static char path[3][64];
static volatile sig_atomic_t told;
static void on_break(int signal) { told += signal == SIGIO; }

static int make(int i, int flags)
{
	snprintf(path[i], sizeof path[i], "/tmp/odd-victim-%d-%d", getpid(), i);
	close(MUST(open(path[i], O_RDWR | O_CREAT, 0600)));
	return MUST(open(path[i], flags));
}

static uint32_t event(int fd, int *watch)
{
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof buffer);
	*watch = n > 0 ? ((struct inotify_event *)buffer)->wd : -1;
	return n > 0 ? ((struct inotify_event *)buffer)->mask : 0;
}

static pid_t helper;
static void *help(void *unused)
{
	prctl(PR_SET_NAME, "helper");
	__atomic_store_n(&helper, syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;) pause();
	return unused;
}

int main(void)
{
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, help, NULL) ? -1 : 0);
	while (!__atomic_load_n(&helper, __ATOMIC_ACQUIRE)) nap(1);
	signal(SIGIO, on_break);
	int net = MUST(open("/proc/self/ns/net", O_RDONLY)), mnt = MUST(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
	int shared = make(0, O_RDONLY), broken = make(1, O_WRONLY), removed = make(2, O_RDWR);
	MUST(fcntl(shared, F_SETLEASE, F_RDLCK));
	MUST(fcntl(broken, F_SETLEASE, F_WRLCK));
	EQUAL(open(path[1], O_RDONLY | O_NONBLOCK), -1);
	EQUAL(told, 1);
	int watches = MUST(inotify_init1(IN_NONBLOCK)), watch;
	MUST(inotify_add_watch(watches, "/proc", IN_MODIFY));
	MUST(inotify_rm_watch(watches, 1));
	event(watches, &watch);
	int gone = MUST(inotify_add_watch(watches, path[2], IN_MODIFY | IN_DELETE_SELF));
	MUST(unlink(path[2]));
	while (event(watches, &watch)) ;
	pid_t child = MUST(fork());
	if (child == 0) for (;;) pause();
	char proc[2][32];
	snprintf(proc[0], sizeof proc[0], "/proc/%d", child);
	snprintf(proc[1], sizeof proc[1], "/proc/%d/status", child);
	int directory = MUST(open(proc[0], O_RDONLY | O_DIRECTORY)), status = MUST(open(proc[1], O_RDONLY));
	MUST(kill(child, SIGKILL));
	MUST(waitpid(child, NULL, 0));
	char own[64], text[256];
	MUST(dup2(removed, 60));
	int info = MUST(open("/proc/self/fdinfo/60", O_RDONLY | O_CLOEXEC));
	snprintf(own, sizeof own, "/proc/self/task/%d/comm", helper);
	int comm = MUST(open(own, O_RDONLY)), twice = MUST(dup(comm));
	ready_and_wait();

	MUST(lseek(removed, 3, SEEK_SET));
	ssize_t length = read(info, text, sizeof text - 1);
	text[length > 0 ? length : 0] = 0;
	CHECK(strstr(text, "pos:\t3\n") != NULL);
	close(60);
	EQUAL(fcntl(info, F_GETFD), FD_CLOEXEC);
	EQUAL(read(twice, text, 6), 6);
	CHECK(!strncmp(text, "helper", 6));
	EQUAL(lseek(comm, 0, SEEK_CUR), 6);

	char line[32];
	EQUAL(read(status, line, sizeof line), -1);
	EQUAL(errno, ESRCH);
	EQUAL(openat(directory, "status", O_RDONLY), -1);
	EQUAL(access(proc[0], F_OK), -1);

	char mine[64] = "", theirs[64] = "", name[32];
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", i ? mnt : net);
		CHECK(readlink(name, mine, sizeof mine) > 0);
		CHECK(readlink(i ? "/proc/self/ns/mnt" : "/proc/self/ns/net", theirs, sizeof theirs) > 0 && !strcmp(mine, theirs));
	}
	EQUAL(told, 1);
	EQUAL(fcntl(shared, F_GETLEASE), F_RDLCK);
	EQUAL(fcntl(broken, F_GETLEASE), F_RDLCK);
	EQUAL(fcntl(shared, F_GETOWN), getpid());
	EQUAL(open(path[0], O_WRONLY | O_NONBLOCK), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(told, 2);
	EQUAL(event(watches, &watch), 0);
	EQUAL(write(removed, "x", 1), 1);
	EQUAL(event(watches, &watch), IN_MODIFY);
	EQUAL(watch, gone);
	close(removed);
	EQUAL(event(watches, &watch), IN_DELETE_SELF);
	unlink(path[0]);
	unlink(path[1]);
	return finish();
}
