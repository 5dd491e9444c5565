/*
 * Memory of hugetlbfs: private, shared by two processes, a memfd with a private mapping of it; a System V segment, unless an
 * argument says that there is to be none.
 */
#include "victim.h"
#include <sys/ipc.h>
#include <sys/shm.h>

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif
enum { HUGE = 2 << 20, SIZE_2MB = 21 << 26 };

static char *map(size_t size, int flags, int fd)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED && errno == ENOMEM) skip("there are not enough huge pages of 2 MB");
	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

static int is_empty(const char *at)
{
	for (unsigned i = 0; i < HUGE; i++) if (at[i]) return 0;
	return 1;
}

int main(int argc, char **argv)
{
	(void)argv;
	char *own = map(3 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | SIZE_2MB, -1);
	char *shared = map(3 * HUGE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | SIZE_2MB, -1);
	int fd = MUST(memfd_create("huge e2e", MFD_HUGETLB | MFD_ALLOW_SEALING | SIZE_2MB));
	MUST(ftruncate(fd, 2 * HUGE));
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	char *file = map(2 * HUGE, MAP_SHARED, fd);
	char *copied = map(2 * HUGE, MAP_PRIVATE, fd);
	int id = -1;
	char *segment = file;
	if (argc == 1) {
		id = MUST(shmget(IPC_PRIVATE, HUGE + PAGE, IPC_CREAT | SHM_HUGETLB | 0600 | SIZE_2MB));
		segment = shmat(id, NULL, 0);
		MUST(segment == (void *)-1 ? -1 : 0);
		MUST(shmctl(id, IPC_RMID, NULL));
	}

	fill(own, HUGE, 1);
	fill(own + 2 * HUGE + 7 * PAGE, PAGE, 2);
	MUST(mprotect(own + 2 * HUGE, HUGE, PROT_READ));
	fill(shared + HUGE, HUGE, 3);
	fill(file, PAGE, 4);
	fill(file + HUGE, PAGE, 5);
	fill(copied + HUGE, PAGE, 6);
	fill(segment + HUGE + 7 * PAGE, PAGE, 7);

	pid_t pid = MUST(fork());
	if (pid == 0) {
		while (!told_to_go()) nap(5);
		if (!filled(own, HUGE, 1) || !filled(shared + HUGE, HUGE, 3)) _exit(1);
		fill(shared + 2 * HUGE, PAGE, 8);
		_exit(7);
	}
	settle(pid);
	ready_and_wait();
	CHECK(filled(own, HUGE, 1));
	CHECK(is_empty(own + HUGE));
	CHECK(filled(own + 2 * HUGE + 7 * PAGE, PAGE, 2));
	CHECK(is_empty(shared));
	CHECK(filled(shared + HUGE, HUGE, 3));
	CHECK(filled(file, PAGE, 4));
	CHECK(filled(file + HUGE, PAGE, 5));
	CHECK(filled(copied, PAGE, 4));
	CHECK(filled(copied + HUGE, PAGE, 6));
	CHECK(filled(segment + HUGE + 7 * PAGE, PAGE, 7));
	int status = 0;
	EQUAL(waitpid(pid, &status, 0), pid);
	EQUAL(status, 7 << 8);
	CHECK(filled(shared + 2 * HUGE, PAGE, 8));
	EQUAL(fcntl(fd, F_GET_SEALS), F_SEAL_GROW);
	/* All of it can still be written. */
	own[HUGE] = file[HUGE + PAGE] = copied[5] = segment[0] = shared[5] = 'w';
	CHECK(file[HUGE + PAGE] == 'w' && file[5] != 'w');
	if (id >= 0) {
		struct shmid_ds ds;
		EQUAL(shmctl(id, IPC_STAT, &ds), 0);
		EQUAL(ds.shm_segsz, HUGE + PAGE);
	}
	return finish();
}
