/*
 * seccomp(2). usage: seccomps strict|user|threads|together|notify
 * strict: a child in strict mode · user: two filters over each other, the newer with LOG, of a user without privileges ·
 * threads: each thread has others · together: all threads have the same by TSYNC · notify: one that asks a supervisor
 */
#include "victim.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The call fails with this errno; all others are allowed. */
static int deny(int nr, int error, unsigned flags)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, error < 0 ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog fprog = { sizeof program / sizeof *program, program };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog);
}

/* The errno that a call fails with; 0: it works. */
static int error_of(long nr)
{
	errno = 0;
	return syscall(nr, 0, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

static char text[8192];
static int status_of(const char *path, const char *name)
{
	MUST(slurp(path, text, sizeof text));
	char *at = strstr(text, name);
	return at ? atoi(at + strlen(name)) : -1;
}

static int in_strict_mode(void)
{
	int to[2], from[2];
	MUST(pipe(to));
	MUST(pipe(from));
	pid_t child = MUST(fork());
	if (child == 0) {
		char byte = 'x';
		MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
		while (syscall(SYS_read, to[0], &byte, 1) == 1 && byte != 'q') {
			byte++;
			syscall(SYS_write, from[1], &byte, 1);
		}
		syscall(SYS_getpid); /* that is the end of it */
		syscall(SYS_exit, 0);
	}
	settle(child);
	ready_and_wait();
	char byte = 'a', path[64];
	EQUAL(write(to[1], &byte, 1), 1);
	EQUAL(read(from[0], &byte, 1), 1);
	EQUAL(byte, 'b');
	snprintf(path, sizeof path, "/proc/%d/status", child);
	EQUAL(status_of(path, "\nSeccomp:"), 1);
	EQUAL(write(to[1], "q", 1), 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, SIGKILL);
	return finish();
}

static int of_a_user(void)
{
	MUST(fchmod(1, 0666));
	MUST(setresgid(4001, 4001, 4001));
	MUST(setresuid(4001, 4001, 4001));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(deny(SYS_getppid, 77, 0));
	MUST(deny(SYS_getpgrp, 78, SECCOMP_FILTER_FLAG_LOG));
	MUST(deny(SYS_getppid, 79, 0)); /* of two the newer one has the say */
	/* our own calls in it are not let through either */
	MUST(deny(SYS_prctl, EPERM, 0));
	MUST(deny(SYS_rt_sigaction, EPERM, 0));
	MUST(deny(SYS_munmap, EPERM, 0));
	ready_and_wait();
	EQUAL(error_of(SYS_getppid), 79);
	EQUAL(error_of(SYS_getpgrp), 78);
	EQUAL(error_of(SYS_getuid), 0);
	EQUAL(error_of(SYS_prctl), EPERM);
	EQUAL(status_of("/proc/self/status", "\nSeccomp:"), 2);
	EQUAL(status_of("/proc/self/status", "\nSeccomp_filters:"), 6);
	EQUAL(status_of("/proc/self/status", "\nNoNewPrivs:"), 1);
	return finish();
}

static int stage, checked;
static pthread_barrier_t all;
static void *thread(void *arg)
{
	long kind = (long)arg;
	if (kind == 1) MUST(deny(SYS_getpgrp, 81, 0));
	if (kind == 2) {
		MUST(deny(SYS_getpgrp, 82, 0));
		MUST(deny(SYS_getuid, 83, SECCOMP_FILTER_FLAG_LOG));
	}
	__atomic_add_fetch(&stage, 1, __ATOMIC_SEQ_CST);
	while (!told_to_go()) nap(5);
	EQUAL(error_of(SYS_getppid), 80);
	EQUAL(error_of(SYS_getpgrp), kind == 1 ? 81 : kind == 2 ? 82 : 0);
	EQUAL(error_of(SYS_getuid), kind == 2 ? 83 : 0);
	__atomic_add_fetch(&checked, 1, __ATOMIC_SEQ_CST);
	pthread_barrier_wait(&all); /* filters for all, by the main thread */
	pthread_barrier_wait(&all);
	EQUAL(error_of(SYS_getgid), kind == 3 ? 84 : 0);
	return NULL;
}

static int with_threads(int together)
{
	pthread_t threads[3];
	pthread_barrier_init(&all, NULL, 4);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (!together) MUST(deny(SYS_getppid, 80, 0));
	for (long i = 0; i < 3; i++) MUST(pthread_create(&threads[i], NULL, thread, (void *)(together ? 3 : i)) ? -1 : 0);
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) < 3) nap(1);
	if (together) MUST(deny(SYS_getppid, 80, SECCOMP_FILTER_FLAG_TSYNC));
	ready_and_wait();
	EQUAL(error_of(SYS_getppid), 80);
	while (__atomic_load_n(&checked, __ATOMIC_SEQ_CST) < 3) nap(1);
	pthread_barrier_wait(&all);
	/* fails where a thread has filters that are not ours */
	if (together) EQUAL(deny(SYS_getgid, 84, SECCOMP_FILTER_FLAG_TSYNC), 0);
	else CHECK(deny(SYS_getgid, 84, SECCOMP_FILTER_FLAG_TSYNC) > 0);
	pthread_barrier_wait(&all);
	for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
	return finish();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "user";
	if (!strcmp(mode, "strict")) return in_strict_mode();
	if (!strcmp(mode, "user")) return of_a_user();
	if (!strcmp(mode, "threads")) return with_threads(0);
	if (!strcmp(mode, "together")) return with_threads(1);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	int listener = MUST(deny(SYS_getppid, -1, SECCOMP_FILTER_FLAG_NEW_LISTENER));
	MUST(close(listener));
	ready_and_wait();
	EQUAL(error_of(SYS_getppid), ENOSYS);
	return finish();
}
