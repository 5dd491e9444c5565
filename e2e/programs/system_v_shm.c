/*
 * System V shared memory: a segment attached by parent and child at different places, one read-only, one with a hole
 * and a protected part, one that is marked for removal, one of a size that is no whole page.
 * usage: system_v_shm keep|lose|outside     keep: found again at the restore; lose: a watcher outside removes them meanwhile;
 * outside: one is attached by a process outside of the tree
 */
#include "victim.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static int make(key_t key, size_t size, int mode)
{
	return MUST(shmget(key, size, mode | IPC_CREAT | IPC_EXCL));
}

static char *attach(int id, void *at, int flags)
{
	char *address = shmat(id, at, flags);
	MUST(address == (void *)-1 ? -1 : 0);
	return address;
}

/*
 * Somebody outside of the tree, an orphan of a session of its own: removes the first segment as soon as the program is
 * away, or attaches it. What a program leaves that has ended for good, it takes away.
 */
static void outside(const int *ids, int count, pid_t watched, int remove, int take)
{
	pid_t between = MUST(fork());
	if (between == 0) {
		MUST(setsid());
		if (fork()) _exit(0);
		if (take) attach(ids[0], NULL, 0);
		for (int gone = 0, went = 0; gone < (went ? 50 : 4000); nap(5)) {
			int missing = kill(watched, 0) < 0 && errno == ESRCH;
			if (missing && remove) shmctl(ids[0], IPC_RMID, NULL);
			gone = missing ? gone + 1 : 0;
			if (missing) remove = 0;
			went |= told_to_go();
		}
		for (int i = 0; i < count; i++) shmctl(ids[i], IPC_RMID, NULL);
		_exit(0);
	}
	MUST(waitpid(between, NULL, 0));
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "keep";
	key_t key = 0x0e2e0000 | (getpid() & 0xffff);
	int family = make(key, 64 * PAGE, 0640);
	int removed = make(IPC_PRIVATE, 4 * PAGE, 0600);
	int holed = make(IPC_PRIVATE, 8 * PAGE, 0666);
	int odd = make(IPC_PRIVATE, 2 * PAGE + 100, 0600);
	struct shmid_ds ds;
	MUST(shmctl(family, IPC_STAT, &ds));
	ds.shm_perm.uid = 1234;
	ds.shm_perm.gid = 2345;
	MUST(shmctl(family, IPC_SET, &ds));

	int ids[] = { family, removed, holed, odd };
	outside(ids, 4, getpid(), strcmp(mode, "lose") == 0, strcmp(mode, "outside") == 0);

	char *mine = attach(family, NULL, 0);
	char *reader = attach(family, NULL, SHM_RDONLY);
	char *gone = attach(removed, NULL, 0);
	char *with_hole = attach(holed, NULL, 0);
	char *twice = attach(odd, NULL, 0);
	fill(mine, 32 * PAGE, 1);
	fill(gone, 4 * PAGE, 2);
	fill(with_hole, 8 * PAGE, 3);
	fill(twice, 2 * PAGE + 96, 4);
	MUST(shmctl(removed, IPC_RMID, NULL));
	MUST(munmap(with_hole + 2 * PAGE, PAGE));
	MUST(munmap(with_hole + 7 * PAGE, PAGE));
	MUST(mprotect(with_hole + 4 * PAGE, PAGE, PROT_READ));
	/* what was unmapped is another's place */
	char *filler = mmap(with_hole + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	MUST(filler == MAP_FAILED ? -1 : 0);
	fill(filler, PAGE, 5);

	int pipes[2];
	MUST(pipe(pipes));
	pid_t child = MUST(fork());
	if (child == 0) {
		char *own = attach(family, mine + 1024 * PAGE * 64, 0);
		MUST(shmdt(mine));
		fill(own + 32 * PAGE, PAGE, 6);
		char byte;
		if (read(pipes[0], &byte, 1) != 1) _exit(9);
		_exit(filled(own + 40 * PAGE, PAGE, 7) && filled(own, 32 * PAGE, 1) ? 0 : 1);
	}
	while (!filled(mine + 32 * PAGE, PAGE, 6)) nap(1);
	settle(child);
	ready_and_wait();

	CHECK(filled(mine, 32 * PAGE, 1) && filled(reader, 32 * PAGE, 1) && filled(mine + 32 * PAGE, PAGE, 6));
	CHECK(zeroed(mine + 33 * PAGE, 31 * PAGE));
	CHECK(mprotect(reader, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	CHECK(filled(gone, 4 * PAGE, 2));
	CHECK(filled(filler, PAGE, 5));
	uint64_t *words = (uint64_t *)with_hole;
	CHECK(words[3 * PAGE / 8] == (3 + 3 * PAGE / 8) * 0x9e3779b97f4a7c15ULL && words[6 * PAGE / 8] == (3 + 6 * PAGE / 8) * 0x9e3779b97f4a7c15ULL);
	CHECK(filled(twice, 2 * PAGE + 96, 4) && zeroed(twice + 2 * PAGE + 96, PAGE - 96));
	fill(mine + 40 * PAGE, PAGE, 7);
	CHECK(write(pipes[1], "x", 1) == 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);

	EQUAL(shmget(key, 0, 0), family);
	EQUAL(shmctl(family, IPC_STAT, &ds), 0);
	EQUAL(ds.shm_perm.mode & 0777, 0640);
	EQUAL(ds.shm_perm.uid, 1234);
	EQUAL(ds.shm_perm.gid, 2345);
	EQUAL(ds.shm_perm.cuid, 0);
	EQUAL(ds.shm_cpid, getpid());
	EQUAL(ds.shm_segsz, 64 * PAGE);
	EQUAL(ds.shm_nattch, strcmp(mode, "outside") == 0 ? 3 : 2);
	EQUAL(shmctl(removed, IPC_STAT, &ds), 0);
	CHECK(ds.shm_perm.mode & SHM_DEST);
	EQUAL(ds.shm_nattch, 1);
	EQUAL(shmdt(gone), 0);
	CHECK(shmctl(removed, IPC_STAT, &ds) < 0 && (errno == EINVAL || errno == EIDRM));
	EQUAL(shmctl(odd, IPC_STAT, &ds), 0);
	EQUAL(ds.shm_segsz, 2 * PAGE + 100);
	EQUAL(shmdt(twice), 0);
	EQUAL(shmdt(with_hole), 0);
	EQUAL(shmctl(family, IPC_RMID, NULL), 0);
	EQUAL(shmctl(odd, IPC_RMID, NULL), 0);
	EQUAL(shmctl(holed, IPC_RMID, NULL), 0);
	return finish();
}
