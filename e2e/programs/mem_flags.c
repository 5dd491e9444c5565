/* Flags of mappings: madvise(2), mlock(2), mlock2(2), MAP_GROWSDOWN. smaps' VmFlags are compared by whoever runs this. */
#include "victim.h"

static char *map(size_t pages, int flags)
{
	void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	fill(at, pages * PAGE, (uintptr_t)at);
	/* a wall between neighbours, so that none are merged */
	MUST(mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	return at;
}

__attribute__((noinline)) static int use_stack(int pages)
{
	volatile char block[PAGE];
	block[0] = pages;
	block[PAGE - 1] = pages;
	return pages > 0 ? use_stack(pages - 1) + block[0] * 0 : block[PAGE - 1];
}

int main(void)
{
	static const struct { int advice; const char *name; } advices[] = {
		{ MADV_DONTFORK, "DONTFORK" }, { MADV_DONTDUMP, "DONTDUMP" }, { MADV_HUGEPAGE, "HUGEPAGE" }, { MADV_NOHUGEPAGE, "NOHUGEPAGE" },
		{ MADV_WIPEONFORK, "WIPEONFORK" }, { MADV_MERGEABLE, "MERGEABLE" }, { MADV_SEQUENTIAL, "SEQUENTIAL" }, { MADV_RANDOM, "RANDOM" },
	};
	enum { N = sizeof advices / sizeof *advices };
	char *advised[N];
	int took[N];
	for (int i = 0; i < N; i++) {
		advised[i] = map(8, 0);
		took[i] = madvise(advised[i], 8 * PAGE, advices[i].advice) == 0; /* EINVAL where the kernel was built without */
	}
	char *locked = map(8, 0), *onfault = map(8, 0), *part = map(8, 0);
	MUST(mlock(locked, 8 * PAGE));
	MUST(mlock2(onfault, 8 * PAGE, MLOCK_ONFAULT));
	MUST(mlock(part + 2 * PAGE, PAGE));
	char *noreserve = map(8, MAP_NORESERVE), *stack_like = map(8, MAP_STACK);
	/* room below, into which it grows when touched; the kernel keeps a gap of 256 pages to what is further below */
	char *area = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(area == MAP_FAILED ? -1 : 0);
	MUST(munmap(area, 1024 * PAGE));
	char *down = mmap(area + 1000 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
	MUST(down == MAP_FAILED ? -1 : 0);
	fill(down, 8 * PAGE, 77);
	for (int i = 1; i <= 8; i++) fill(down - i * PAGE, PAGE, 80 + i); /* it grew before */
	use_stack(100);
	ready_and_wait();

	for (int i = 0; i < N; i++)
		if (took[i]) CHECK(filled(advised[i], 8 * PAGE, (uintptr_t)advised[i]));
	CHECK(filled(locked, 8 * PAGE, (uintptr_t)locked));
	CHECK(filled(onfault, 8 * PAGE, (uintptr_t)onfault));
	CHECK(filled(part, 8 * PAGE, (uintptr_t)part));
	CHECK(filled(noreserve, 8 * PAGE, (uintptr_t)noreserve) && filled(stack_like, 8 * PAGE, (uintptr_t)stack_like));
	CHECK(filled(down, 8 * PAGE, 77));
	int good = 1;
	for (int i = 1; i <= 8; i++) good &= filled(down - i * PAGE, PAGE, 80 + i);
	CHECK(good);
	down[-20L * (long)PAGE] = 1; /* grows on, without SIGSEGV */
	EQUAL(down[-20L * (long)PAGE], 1);
	EQUAL(use_stack(500), 0); /* 2 MiB: so does the stack */
	/* what the flags are for */
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		int p[2];
		if (pipe(p)) _exit(9);
		int gone = write(p[1], advised[0], 1) < 0 && errno == EFAULT;
		int wiped = zeroed(advised[4], 8 * PAGE);
		_exit((took[0] && !gone) | (took[4] && !wiped) << 1);
	}
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	return finish();
}
