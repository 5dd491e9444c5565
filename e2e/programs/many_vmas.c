/* argv[1] mappings that can't be merged, each with a page written. For benchmarks and as a test of size. */
#include "victim.h"

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000;
	char *at = mmap(NULL, count * 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	for (long i = 0; i < count; i++) {
		MUST(mprotect(at + i * 2 * PAGE, PAGE, PROT_READ | PROT_WRITE));
		*(long *)(at + i * 2 * PAGE) = i;
	}
	ready_and_wait();
	int good = 1;
	for (long i = 0; i < count; i++) good &= *(long *)(at + i * 2 * PAGE) == i;
	CHECK(good);
	return finish();
}
