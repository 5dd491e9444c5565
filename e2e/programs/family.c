/*
 * Three generations that share pages since fork(2), and have gone different ways since: contents, mappings, and how many
 * pages are still shared (by page frame numbers, so it needs root).
 */
#include "victim.h"

enum { PAGES = 64, LARGE = 20 << 20, KIN = 3, COUNTED = 100 };
static char *plain, *reserve, *down, *mapped, *large, *unforked, *wiped, *cut, *far, *heap;
static pid_t pids[KIN];
static const char *const names[KIN] = { "root", "child", "grandchild" };
static struct { volatile int ready, good; } *shared;

/* What a page holds: a number of who wrote it last, or nothing. */
static void write_page(char *base, int page, int who) { fill(base + page * PAGE, PAGE, who * 1000 + page); }
static int holds(const char *base, int page, int who)
{
	if (who > 0) return filled(base + page * PAGE, PAGE, who * 1000 + page);
	for (unsigned i = 0; i < PAGE; i++) if (base[page * PAGE + i]) return 0;
	return 1;
}
#define HOLDS(base, page, who) check_(holds(base, page, who), #base " page " #page " is that of " #who, __LINE__)

static char *map(char *at, size_t size, int flags)
{
	char *found = mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	MUST(found == MAP_FAILED ? -1 : 0);
	return found;
}

static uint64_t frame(pid_t pid, const char *at)
{
	char path[64];
	uint64_t word = 0;
	snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (pread(fd, &word, 8, (uintptr_t)at / PAGE * 8) != 8) word = 0;
	close(fd);
	return word >> 63 ? word & ((1ULL << 55) - 1) : 0;
}

static int count_shared(int a, int b, const char *base, int pages)
{
	int count = 0;
	for (int i = 0; i < pages; i++) {
		uint64_t one = frame(pids[a], base + i * PAGE);
		count += one && one == frame(pids[b], base + i * PAGE);
	}
	return count;
}

static struct { const char *name; char **base; int pages, a, b, before; } counts[] = {
	{ "plain", &plain, PAGES, 0, 1, 0 },   { "plain", &plain, PAGES, 1, 2, 0 },   { "plain", &plain, PAGES, 0, 2, 0 },
	{ "reserve", &reserve, PAGES, 0, 1, 0 }, { "down", &down, PAGES, 0, 1, 0 },   { "file", &mapped, 4, 0, 1, 0 },
	{ "file", &mapped, 4, 1, 2, 0 },       { "large", &large, LARGE / PAGE, 0, 1, 0 }, { "large", &large, LARGE / PAGE, 0, 2, 0 },
	{ "cut", &cut, PAGES, 0, 1, 0 },       { "heap", &heap, 8, 0, 1, 0 },         { "wiped", &wiped, 2, 0, 1, 0 },
};

static void verify(int who)
{
	HOLDS(plain, 0, 1);
	HOLDS(plain, 9, 1);
	check_(holds(plain, 1, who == 0 ? 1 : 2), "plain page 1: the child's since it wrote it", __LINE__);
	check_(holds(plain, 2, who == 0 ? 9 : 1), "plain page 2: the root has written it since", __LINE__);
	check_(holds(plain, 3, who == 2 ? 3 : 1), "plain page 3: the grandchild has written it since", __LINE__);
	check_(holds(plain, 4, who == 0 ? 1 : 0), "plain page 4: the child has dropped it", __LINE__);
	check_(holds(plain, 5, who == 0 ? 0 : 1), "plain page 5: the root has dropped it", __LINE__);
	check_(holds(plain, 50, who == 0 ? 0 : 2), "plain page 50: only the child has had it", __LINE__);
	HOLDS(plain, 40, 0);
	HOLDS(reserve, 7, 1);
	HOLDS(down, 63, 1);
	HOLDS(large, 4000, 1);
	check_(holds(large, 8, who == 0 ? 1 : 2), "large page 8: the child's", __LINE__);
	check_(mapped[0] == 'R' && mapped[PAGE] == (who == 0 ? 'R' : 'f') && mapped[2 * PAGE] == (who == 0 ? 'R' : 'C') && mapped[3 * PAGE] == 'f', "the private file mapping", __LINE__);
	HOLDS(cut, 0, 1);
	check_(holds(cut, 20, 1), "cut page 20", __LINE__);
	HOLDS(heap, 2, 1);
	if (who > 0) check_(holds(unforked, 0, 2), "what the child has where its parent has kept something to itself", __LINE__);
	else HOLDS(unforked, 0, 1);
	HOLDS(wiped, 0, who == 0 ? 1 : 0);
	if (who > 0) check_(holds(far, 30, 2), "what the child has in place of a part that it has unmapped", __LINE__);
	/* All is there still to be written, and to nobody else. */
	char old = plain[20 * PAGE];
	plain[20 * PAGE] = who + 1;
	nap(20);
	check_(plain[20 * PAGE] == who + 1, "written for itself", __LINE__);
	plain[20 * PAGE] = old;
}

static void live(int who)
{
	__sync_fetch_and_add(&shared->ready, 1);
	while (!told_to_go() || shared->ready < COUNTED) nap(5);
	verify(who);
	say(victim_failures ? "# the %s has failed" : "# the %s is well", names[who]);
	if (!victim_failures) __sync_fetch_and_add(&shared->good, 1);
	_exit(victim_failures != 0);
}

static void be_grandchild(void)
{
	write_page(plain, 3, 3);
	live(2);
}

static void be_child(void)
{
	write_page(plain, 1, 2);
	write_page(plain, 50, 2);
	write_page(large, 8, 2);
	MUST(madvise(plain + 4 * PAGE, PAGE, MADV_DONTNEED));
	MUST(madvise(mapped + PAGE, PAGE, MADV_DONTNEED));
	mapped[2 * PAGE] = 'C';
	/* Its mappings become other ones than its parent's. */
	MUST(mprotect(cut + 10 * PAGE, 4 * PAGE, PROT_READ));
	MUST(mprotect(cut + 14 * PAGE, 2 * PAGE, PROT_NONE));
	MUST(munmap(cut + 56 * PAGE, 8 * PAGE));
	far = map(cut + 30 * PAGE, PAGE, MAP_NORESERVE | MAP_FIXED) - 30 * PAGE;
	write_page(far, 30, 2);
	MUST(munmap(down, 8 * PAGE));
	map(unforked, PAGE, MAP_FIXED_NOREPLACE);
	write_page(unforked, 0, 2);
	MUST(sbrk(20 * PAGE) == (void *)-1 ? -1 : 0);
	write_page(heap, 30, 2);
	if ((pids[2] = MUST(fork())) == 0) be_grandchild();
	MUST(mlock(reserve, 4 * PAGE));
	memcpy((void *)(shared + 1), pids + 2, sizeof *pids);
	live(1);
}

int main(void)
{
	setbuf(stdout, NULL);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(shared == MAP_FAILED ? -1 : 0);
	plain = map(NULL, PAGES * PAGE, 0);
	reserve = map(NULL, PAGES * PAGE, MAP_NORESERVE);
	/* With a gap below, as the kernel wants for what may grow. */
	down = map(NULL, 1024 * PAGE, 0) + 512 * PAGE;
	MUST(munmap(down - 512 * PAGE, 1024 * PAGE));
	map(down, PAGES * PAGE, MAP_GROWSDOWN | MAP_FIXED);
	large = map(NULL, LARGE, 0);
	MUST(madvise(large, LARGE, MADV_NOHUGEPAGE));
	cut = map(NULL, (PAGES + 16) * PAGE, 0);
	MUST(munmap(cut + PAGES * PAGE, 16 * PAGE));
	unforked = map(NULL, 3 * PAGE, 0) + PAGE;
	MUST(munmap(unforked - PAGE, PAGE));
	MUST(munmap(unforked + PAGE, PAGE));
	wiped = map(NULL, 2 * PAGE, 0);
	heap = (char *)(((uintptr_t)sbrk(16 * PAGE) + PAGE - 1) & -PAGE);
	int fd = MUST(open("family.data", O_RDWR | O_CREAT | O_TRUNC, 0600));
	char line[PAGE];
	memset(line, 'f', sizeof line);
	for (int i = 0; i < 4; i++) MUST(write(fd, line, sizeof line) == PAGE ? 0 : -1);
	mapped = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	MUST(mapped == MAP_FAILED ? -1 : 0);
	close(fd);

	for (int i = 0; i < 32; i++) {
		write_page(plain, i, 1);
		write_page(reserve, i, 1);
		write_page(down, PAGES - 1 - i, 1);
		write_page(cut, i < 24 ? i : i + 20, 1);
		if (i < 8) write_page(heap, i, 1);
	}
	for (int i = 0; i < LARGE / (int)PAGE; i++) write_page(large, i, 1);
	for (int i = 0; i < 3; i++) mapped[i * PAGE] = 'R';
	write_page(unforked, 0, 1);
	write_page(wiped, 0, 1);
	MUST(madvise(unforked, PAGE, MADV_DONTFORK));
	MUST(madvise(wiped, 2 * PAGE, MADV_WIPEONFORK));

	pids[0] = getpid();
	if ((pids[1] = MUST(fork())) == 0) be_child();
	while (shared->ready < 2) nap(1);
	memcpy(pids + 2, (void *)(shared + 1), sizeof *pids);
	write_page(plain, 2, 9);
	MUST(madvise(plain + 5 * PAGE, PAGE, MADV_DONTNEED));
	if (frame(pids[0], plain) == 0) skip("page frame numbers are hidden: not root");
	for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
		counts[i].before = count_shared(counts[i].a, counts[i].b, *counts[i].base, counts[i].pages);
	MUST(counts[0].before == 28 && counts[7].before == LARGE / (int)PAGE - 1 ? 0 : -1);
	ready_and_wait();
	for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
		int now = count_shared(counts[i].a, counts[i].b, *counts[i].base, counts[i].pages);
		char text[128];
		snprintf(text, sizeof text, "%s pages that %s and %s share: %d were %d", counts[i].name, names[counts[i].a], names[counts[i].b], now, counts[i].before);
		check_(now == counts[i].before, text, __LINE__);
	}
	shared->ready = COUNTED;
	verify(0);
	int status;
	EQUAL(waitpid(pids[1], &status, 0), pids[1]);
	EQUAL(status, 0);
	while (shared->good < 2 && kill(pids[2], 0) == 0) nap(5);
	EQUAL(shared->good, 2);
	return finish();
}
