/* Guard pages (MADV_GUARD_INSTALL) within mappings of each kind; memory that the kernel may drop (MAP_DROPPABLE). */
#include "victim.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

static int kills(volatile char *at)
{
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*at != 1);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

int main(void)
{
	char path[64];
	snprintf(path, sizeof path, "/tmp/guard-victim-%d", getpid());
	int file = MUST(open(path, O_RDWR | O_CREAT, 0600));
	MUST(ftruncate(file, 8 * PAGE));
	char *anonymous = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *of_file = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	MUST(anonymous == MAP_FAILED || shared == MAP_FAILED || of_file == MAP_FAILED ? -1 : 0);
	char *areas[] = { anonymous, shared, of_file };
	int guarded[3];
	for (int i = 0; i < 3; i++) {
		fill(areas[i], 8 * PAGE, i);
		guarded[i] = madvise(areas[i] + (2 + i) * PAGE, 2 * PAGE, MADV_GUARD_INSTALL) == 0;
	}
	if (!guarded[0]) skip("no guard pages before Linux 6.13");
	char *dropped = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	if (dropped != MAP_FAILED) fill(dropped, 2 * PAGE, 9);
	pid_t parent = getpid();
	ready_and_wait();

	EQUAL(getpid(), parent);
	for (int i = 0; i < 3; i++) {
		if (!guarded[i]) continue;
		CHECK(kills(areas[i] + (2 + i) * PAGE));
		CHECK(kills(areas[i] + (4 + i) * PAGE - 1));
		for (int page = 0; page < 8; page++) {
			if (page == 2 + i || page == 3 + i) continue;
			uint64_t *word = (void *)(areas[i] + page * PAGE);
			if (word[7] != (uint64_t)(i + page * 512 + 7) * 0x9e3779b97f4a7c15ULL) CHECK(!"what stands beside the guard");
		}
	}
	if (dropped != MAP_FAILED) CHECK(zeroed(dropped, 2 * PAGE));
	unlink(path);
	return finish();
}
