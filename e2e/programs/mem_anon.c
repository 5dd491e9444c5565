/* Private anonymous memory in all its shapes: mmap(2), mprotect(2), brk(2). */
#include "victim.h"

static char bss[64 * PAGE];
static char data[3 * PAGE] = "data segment";

static char *map(size_t size, int prot, int flags)
{
	void *at = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

int main(void)
{
	char *plain = map(300 * PAGE, PROT_READ | PROT_WRITE, 0);
	fill(plain, 300 * PAGE, 1);
	MUST(madvise(plain + 10 * PAGE, 20 * PAGE, MADV_DONTNEED)); /* a hole: reads as zero */
	char *none = map(8 * PAGE, PROT_READ | PROT_WRITE, 0);
	fill(none, 8 * PAGE, 2);
	MUST(mprotect(none, 8 * PAGE, PROT_NONE));
	char *empty_none = map(64 * PAGE, PROT_NONE, 0);
	char *read_only = map(8 * PAGE, PROT_READ | PROT_WRITE, 0);
	fill(read_only, 8 * PAGE, 3);
	MUST(mprotect(read_only, 8 * PAGE, PROT_READ));
	char *exec = map(PAGE, PROT_READ | PROT_WRITE, 0);
	memcpy(exec, "\xb8\x2a\x00\x00\x00\xc3", 6); /* mov eax, 42; ret */
	MUST(mprotect(exec, PAGE, PROT_READ | PROT_EXEC));
	size_t huge = 1UL << 40; /* 1 TiB, of which four pages are there */
	char *sparse = map(huge, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	for (int i = 0; i < 4; i++) fill(sparse + i * (huge / 4) + i * PAGE, PAGE, 100 + i);
	char *zero = map(16 * PAGE, PROT_READ | PROT_WRITE, 0);
	volatile char sink = 0;
	for (int i = 0; i < 16; i++) sink += zero[i * PAGE]; /* the zero page: present, nothing to keep */
	/* neighbours that differ in protection only, every other page touched */
	char *mixed = map(32 * PAGE, PROT_READ | PROT_WRITE, 0);
	for (int i = 0; i < 32; i += 2) {
		fill(mixed + i * PAGE, PAGE, 200 + i);
		MUST(mprotect(mixed + i * PAGE, PAGE, i % 4 ? PROT_READ : PROT_READ | PROT_WRITE | PROT_EXEC));
	}
	/* MAP_FIXED over the middle of another */
	char *over = map(16 * PAGE, PROT_READ | PROT_WRITE, 0);
	fill(over, 16 * PAGE, 300);
	MUST(mmap(over + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
	fill(over + 4 * PAGE, 4 * PAGE, 400);
	/* at the lowest address allowed, and high up */
	char *low = mmap((void *)0x10000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	MUST(low == MAP_FAILED ? -1 : 0);
	fill(low, PAGE, 500);
	char *high = mmap((void *)0x7ffffffe0000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (high != MAP_FAILED) fill(high, PAGE, 501);
	/* the heap by brk */
	char *brk0 = sbrk(0);
	MUST(sbrk(100 * PAGE) == (void *)-1 ? -1 : 0);
	fill((char *)(((uintptr_t)brk0 + 15) & ~15UL), 90 * PAGE, 600);
	char *brk1 = sbrk(0);
	fill(bss, sizeof bss, 700);
	fill(data + PAGE, PAGE, 800);
	ready_and_wait();

	CHECK(filled(plain, 10 * PAGE, 1));
	CHECK(zeroed(plain + 10 * PAGE, 20 * PAGE));
	CHECK(filled(plain + 30 * PAGE, 270 * PAGE, 1 + 30 * PAGE / 8));
	int out[2];
	MUST(pipe(out));
	EQUAL(write(out[1], none, 1), -1); /* EFAULT: still not accessible */
	EQUAL(errno, EFAULT);
	EQUAL(write(out[1], empty_none, 1), -1);
	EQUAL(read(out[0], read_only, 0), 0);
	CHECK(!mprotect(none, 8 * PAGE, PROT_READ) && filled(none, 8 * PAGE, 2));
	CHECK(filled(read_only, 8 * PAGE, 3));
	EQUAL(write(out[1], "x", 1), 1);
	EQUAL(read(out[0], read_only, 1), -1); /* still read-only */
	EQUAL(errno, EFAULT);
	EQUAL(((int (*)(void))exec)(), 42);
	for (int i = 0; i < 4; i++) {
		CHECK(filled(sparse + i * (huge / 4) + i * PAGE, PAGE, 100 + i));
		CHECK(zeroed(sparse + i * (huge / 4) + (i + 1) * PAGE, PAGE));
	}
	CHECK(zeroed(zero, 16 * PAGE));
	zero[5 * PAGE] = 1;
	EQUAL(zero[6 * PAGE], 0);
	int good = 1;
	for (int i = 0; i < 32; i++) good &= i % 2 ? zeroed(mixed + i * PAGE, PAGE) : filled(mixed + i * PAGE, PAGE, 200 + i);
	CHECK(good);
	CHECK(filled(over, 4 * PAGE, 300) && filled(over + 4 * PAGE, 4 * PAGE, 400));
	CHECK(filled(over + 8 * PAGE, 8 * PAGE, 300 + 8 * PAGE / 8));
	CHECK(filled(low, PAGE, 500));
	if (high != MAP_FAILED) CHECK(filled(high, PAGE, 501));
	CHECK(sbrk(0) == brk1);
	CHECK(filled((char *)(((uintptr_t)brk0 + 15) & ~15UL), 90 * PAGE, 600));
	CHECK(sbrk(50 * PAGE) == brk1); /* and it still grows */
	CHECK(sbrk(-150 * (long)PAGE) != (void *)-1);
	CHECK(sbrk(0) == brk0);
	CHECK(filled(bss, sizeof bss, 700));
	CHECK(!strcmp(data, "data segment") && filled(data + PAGE, PAGE, 800));
	return finish() + (sink & 0);
}
