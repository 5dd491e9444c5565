/* Processes that share descriptors (CLONE_FILES), or working directory, root and umask (CLONE_FS): parent and child, siblings. */
#include "victim.h"
#include <linux/kcmp.h>
#include <sched.h>

static int *shared;

static pid_t clone_with(unsigned long flags) { return MUST(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0)); }
static long same(int type, pid_t a, pid_t b) { return syscall(SYS_kcmp, a, b, type, 0, 0) == 0; }

static void child(int which)
{
	shared[which] = getpid();
	while (!told_to_go()) nap(5);
	if (which == 1) { /* opens what its parent and its child see, and moves all three */
		int fd = open("/dev/zero", O_RDONLY);
		shared[10] = fd;
		shared[11] = chdir("/usr");
	}
	if (which == 3) umask(0123);
	shared[20 + which] = 1;
	while (shared[30] == 0) nap(2);
	_exit(0);
}

int main(void)
{
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(shared == MAP_FAILED ? -1 : 0);
	MUST(open("/dev/null", O_RDWR));
	umask(027);
	if (clone_with(CLONE_FILES | CLONE_FS) == 0) {
		if (clone_with(CLONE_FILES) == 0) child(2);
		child(1);
	}
	/* 3 and 4 share with each other, not with us: their parent has left */
	if (clone_with(0) == 0) {
		if (clone_with(CLONE_FILES | CLONE_FS | CLONE_PARENT) == 0) child(4);
		open("/dev/full", O_WRONLY);
		child(3);
	}
	while (!shared[1] || !shared[2] || !shared[3] || !shared[4]) nap(1);
	ready_and_wait();
	for (int i = 1; i <= 4; i++) while (!shared[20 + i]) nap(2);
	pid_t self = getpid();
	CHECK(same(KCMP_FILES, self, shared[1]) && same(KCMP_FILES, self, shared[2]));
	CHECK(same(KCMP_FS, self, shared[1]) && !same(KCMP_FS, self, shared[2]));
	CHECK(same(KCMP_FILES, shared[3], shared[4]) && same(KCMP_FS, shared[3], shared[4]));
	CHECK(!same(KCMP_FILES, self, shared[3]) && !same(KCMP_FS, self, shared[3]));
	CHECK(!same(KCMP_VM, self, shared[1]));
	CHECK(shared[10] > 2 && fcntl(shared[10], F_GETFD) >= 0);
	char cwd[64], link[64];
	EQUAL(shared[11], 0);
	CHECK(getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/usr"));
	snprintf(link, sizeof link, "/proc/%d/cwd", shared[2]);
	ssize_t n = readlink(link, cwd, sizeof cwd - 1);
	CHECK(n > 0 && (cwd[n] = 0, strcmp(cwd, "/usr") != 0));
	EQUAL(umask(027), 027);
	shared[30] = 1;
	while (waitpid(-1, NULL, 0) > 0) ;
	return finish();
}
