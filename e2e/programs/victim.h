/*
 * What every victim program has in common: it sets something up, says `ready`, waits until the file $E2E_GO appears (by
 * polling, so that waiting needs no descriptor, signal or socket of its own), and then verifies itself. On stdout, a line
 * each: `ok - …` or `not ok - …`, and last `done`.
 */
#ifndef VICTIM_H
#define VICTIM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL

static int victim_failures;

/* One write(2) a line: lines of several processes and threads don't mix (the output is opened with O_APPEND). */
__attribute__((unused, format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	if (n > (int)sizeof line - 2) n = sizeof line - 2;
	line[n++] = '\n';
	if (write(1, line, n) != n) _exit(99);
}

#define CHECK(cond) check_((cond), #cond, __LINE__)
__attribute__((unused)) static int check_(int ok, const char *what, int line)
{
	int error = errno;
	if (ok) say("ok - %s", what);
	else say("not ok - line %d: %s (errno %d %s)", line, what, error, strerror(error));
	victim_failures += !ok;
	return ok;
}

#define EQUAL(got, want) equal_((long long)(got), (long long)(want), #got " is " #want, __LINE__)
__attribute__((unused)) static int equal_(long long got, long long want, const char *what, int line)
{
	int error = errno;
	if (got == want) say("ok - %s", what);
	else say("not ok - line %d: %s: got %lld (0x%llx), want %lld (0x%llx) (errno %d)", line, what, got, got, want, want, error);
	victim_failures += got != want;
	return got == want;
}

/* Of the set-up: a host that can't even set the object up makes the program end before `ready`. */
#define MUST(call) must_((long)(call), #call, __LINE__)
__attribute__((unused)) static long must_(long result, const char *what, int line)
{
	if (result != -1) return result;
	say("set-up failed at line %d: %s: %s", line, what, strerror(errno));
	exit(3);
}

/* The host lacks what the test needs: not a failure, and said so. */
__attribute__((unused, noreturn)) static void skip(const char *why)
{
	say("skip - %s", why);
	exit(0);
}

__attribute__((unused)) static void nap(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) < 0 && errno == EINTR) ;
}

__attribute__((unused)) static long long now_ms(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

__attribute__((unused)) static int told_to_go(void)
{
	static const char *go;
	if (!go) go = getenv("E2E_GO");
	struct stat st;
	return go && stat(go, &st) == 0;
}

__attribute__((unused)) static void ready_and_wait(void)
{
	told_to_go(); /* looks the variable up while the environment is surely intact */
	say("ready");
	while (!told_to_go()) nap(5);
}

/* Gives others time to do something: a slow machine some seconds, a quick one no more than it takes. */
#define AWAIT(cond) do for (int await_ = 0; await_ < 6000 && !(cond); await_++) nap(5); while (0)

/* Waits until a child, or a thread, has come to rest in its sleep: that it is set up shows in nothing else. */
__attribute__((unused)) static void settle(pid_t pid)
{
	char path[64], stat[512];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	for (int asleep = 0; asleep < 6; nap(4)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, stat, sizeof stat - 1);
		close(fd);
		stat[n > 0 ? n : 0] = 0;
		char *name_end = strrchr(stat, ')');
		if (!name_end || name_end[2] == 'Z') return;
		asleep = name_end[2] == 'S' ? asleep + 1 : 0;
	}
}

__attribute__((unused)) static int finish(void)
{
	say("done");
	return victim_failures != 0;
}

/* A page-sized pattern that depends on the seed; verified word by word. */
__attribute__((unused)) static void fill(void *at, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++) ((uint64_t *)at)[i] = (seed + i) * 0x9e3779b97f4a7c15ULL;
}
__attribute__((unused)) static int filled(const void *at, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++)
		if (((const uint64_t *)at)[i] != (seed + i) * 0x9e3779b97f4a7c15ULL) return 0;
	return 1;
}
__attribute__((unused)) static int zeroed(const void *at, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		if (((const uint64_t *)at)[i]) return 0;
	return 1;
}

/* Reads a small file whole; returns its length, the text ends with 0. */
__attribute__((unused)) static int slurp(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return -1;
	size_t got = 0;
	for (ssize_t n; got < size - 1 && (n = read(fd, buffer + got, size - 1 - got)) > 0;) got += n;
	buffer[got] = 0;
	close(fd);
	return got;
}
#endif
