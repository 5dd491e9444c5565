/*
 * COUNT descriptors (by default 5,000) of every kind: files, unlinked and append-only ones, directories, devices, pipes,
 * sockets, eventfds, timerfds, signalfds, epolls, inotifies, memfds; plain, shared by several numbers, and close-on-exec.
 */
#include "victim.h"
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

enum { KINDS = 16 };
static int count, *fds;
static const char *const names[KINDS] = { "file", "unlinked", "append", "directory", "device", "pipe out", "pipe in", "unix out", "unix in", "eventfd", "timerfd", "signalfd", "epoll", "memfd", "udp", "duplicate" };

static int make(int i)
{
	static int pair[2];
	char name[32];
	snprintf(name, sizeof name, "f-%d", i / KINDS);
	switch (i % KINDS) {
	case 0: {
		int fd = MUST(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		MUST(pwrite(fd, &i, sizeof i, 100));
		MUST(lseek(fd, i, SEEK_SET));
		return fd;
	}
	case 1: {
		if (i / KINDS % 8) return MUST(open("/dev/null", O_RDWR));
		int fd = MUST(open("gone", O_RDWR | O_CREAT | O_EXCL, 0600));
		MUST(write(fd, &i, sizeof i));
		MUST(unlink("gone"));
		return fd;
	}
	case 2: return MUST(open("log", O_WRONLY | O_CREAT | O_APPEND, 0600));
	case 3: return MUST(open(".", O_RDONLY | O_DIRECTORY));
	case 4: return MUST(open("/dev/zero", O_RDONLY | O_NONBLOCK));
	case 5: MUST(pipe(pair)); MUST(write(pair[1], &i, sizeof i)); return pair[1];
	case 6: return pair[0];
	case 7: MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)); MUST(write(pair[1], &i, sizeof i)); return pair[1];
	case 8: return pair[0];
	case 9: return MUST(eventfd(i, i / KINDS % 2 ? EFD_SEMAPHORE | EFD_NONBLOCK : EFD_NONBLOCK));
	case 10: {
		struct itimerspec far = { .it_value.tv_sec = 100000 + i };
		int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
		MUST(timerfd_settime(fd, 0, &far, NULL));
		return fd;
	}
	case 11: {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, 34 + i / KINDS % 20);
		return MUST(signalfd(-1, &set, SFD_NONBLOCK));
	}
	case 12: {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
		int fd = MUST(epoll_create1(EPOLL_CLOEXEC));
		MUST(epoll_ctl(fd, EPOLL_CTL_ADD, fds[i - 3], &event));
		return fd;
	}
	case 13: {
		if (i / KINDS % 8) return MUST(open("/dev/full", O_WRONLY));
		int fd = MUST(syscall(SYS_memfd_create, name, 0));
		MUST(write(fd, &i, sizeof i));
		return fd;
	}
	case 14: {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
		MUST(bind(fd, (void *)&at, sizeof at));
		return fd;
	}
	default: return MUST(fcntl(fds[i - 15], F_DUPFD, 3));
	}
}

static int good(int i)
{
	int word = -1, fd = fds[i];
	uint64_t value = 0;
	switch (i % KINDS) {
	case 0: return lseek(fd, 0, SEEK_CUR) == i && pread(fd, &word, sizeof word, 100) == sizeof word && word == i && fcntl(fd, F_GETFD) == FD_CLOEXEC;
	case 1: return i / KINDS % 8 ? fcntl(fd, F_GETFL) >= 0 : pread(fd, &word, sizeof word, 0) == sizeof word && word == i;
	case 2: return (fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_WRONLY);
	case 3: return (fcntl(fd, F_GETFL) & O_DIRECTORY) != 0;
	case 4: return (fcntl(fd, F_GETFL) & O_NONBLOCK) && read(fd, &word, sizeof word) == sizeof word && word == 0;
	case 5: case 7: return write(fd, &i, sizeof i) == sizeof i;
	case 6: case 8: return read(fd, &word, sizeof word) == sizeof word && word == i - 1 && read(fd, &word, sizeof word) == sizeof word && word == i - 1;
	case 9: return read(fd, &value, sizeof value) == sizeof value && value == (i / KINDS % 2 ? 1u : (unsigned)i);
	case 10: {
		struct itimerspec left;
		return !timerfd_gettime(fd, &left) && left.it_value.tv_sec > 90000 && left.it_value.tv_sec <= 100000 + i;
	}
	case 11: return read(fd, (char[128]){ 0 }, 128) < 0 && errno == EAGAIN;
	case 12: {
		struct epoll_event event;
		uint64_t one = 1;
		return write(fds[i - 3], &one, sizeof one) == sizeof one && epoll_wait(fd, &event, 1, 0) == 1 && event.data.u32 == (unsigned)i;
	}
	case 13: return i / KINDS % 8 ? fcntl(fd, F_GETFL) >= 0 : pread(fd, &word, sizeof word, 0) == sizeof word && word == i;
	case 14: {
		int type;
		socklen_t length = sizeof type;
		return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_DGRAM;
	}
	default: return lseek(fd, 0, SEEK_CUR) == i - 15 && lseek(fd, 1, SEEK_CUR) == i - 14 && lseek(fds[i - 15], 0, SEEK_CUR) == i - 14;
	}
}

int main(int argc, char **argv)
{
	count = argc > 1 ? atoi(argv[1]) : 5000;
	struct rlimit limit = { count + 64, count + 64 };
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < (rlim_t)count + 64) skip("too few descriptors are allowed here");
	limit.rlim_cur = count + 64;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	fds = calloc(count, sizeof *fds);
	for (int i = 0; i < count; i++) fds[i] = make(i);
	int watch = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(watch, ".", IN_CREATE));
	ready_and_wait();
	int bad[KINDS] = { 0 };
	for (int i = 0; i < count; i++) bad[i % KINDS] += !good(i);
	for (int k = 0; k < KINDS; k++) {
		if (bad[k]) say("not ok - %d of kind %s", bad[k], names[k]);
		else say("ok - %s", names[k]);
	}
	CHECK(open("created", O_CREAT | O_WRONLY, 0600) >= 0 && read(watch, (char[512]){ 0 }, 512) > 0);
	return finish();
}
