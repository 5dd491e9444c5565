/* Shared anonymous memory: between parent and children, twice in one process, of /dev/zero, with a futex in it. */
#include "victim.h"
#include <linux/futex.h>

static char *map(size_t pages, int fd)
{
	void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

int main(void)
{
	char *family = map(64, -1), *untouched = map(16, -1), *sparse = map(4096, -1);
	uint32_t *word = (uint32_t *)map(1, -1);
	int zero = MUST(open("/dev/zero", O_RDWR));
	char *of_zero = map(8, zero);
	MUST(close(zero));
	fill(family, 32 * PAGE, 1);
	fill(sparse + 4000 * PAGE, PAGE, 2);
	fill(of_zero, 8 * PAGE, 3);
	/* the same pages at a second place: mremap(2) with an old size of 0 */
	char *twin = mremap(family, 0, 64 * PAGE, MREMAP_MAYMOVE);
	MUST(twin == MAP_FAILED ? -1 : 0);
	pid_t child = MUST(fork());
	if (child == 0) {
		fill(family + 32 * PAGE, 16 * PAGE, 4);
		MUST(munmap(sparse, 4096 * PAGE)); /* not all are in both */
		char *own = map(4, -1);
		fill(own, 4 * PAGE, 5);
		__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
		struct timespec limit = { 600, 0 };
		while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 1) /* waits for 2, woken by the parent after the restore */
			if (syscall(SYS_futex, word, FUTEX_WAIT, 1, &limit, NULL, 0) < 0 && errno == ETIMEDOUT) _exit(7);
		int good = filled(own, 4 * PAGE, 5) && filled(family + 32 * PAGE, 16 * PAGE, 4) && filled(family + 60 * PAGE, PAGE, 6);
		_exit(good ? 0 : 1);
	}
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != 1) nap(1);
	settle(child);
	ready_and_wait();
	settle(child); /* after a restore it has to come back to its futex first */

	CHECK(filled(family, 32 * PAGE, 1) && filled(twin, 32 * PAGE, 1));
	CHECK(filled(family + 32 * PAGE, 16 * PAGE, 4) && filled(twin + 32 * PAGE, 16 * PAGE, 4));
	CHECK(zeroed(untouched, 16 * PAGE));
	CHECK(filled(sparse + 4000 * PAGE, PAGE, 2) && zeroed(sparse, 4000 * PAGE));
	CHECK(filled(of_zero, 8 * PAGE, 3));
	fill(twin + 60 * PAGE, PAGE, 6);
	CHECK(filled(family + 60 * PAGE, PAGE, 6));
	__atomic_store_n(word, 2, __ATOMIC_SEQ_CST);
	EQUAL(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	return finish();
}
