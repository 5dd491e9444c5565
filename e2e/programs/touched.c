/* argv[1] MiB of touched private memory, every page different. For benchmarks. */
#include "victim.h"

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? atol(argv[1]) : 64) << 20;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	fill(at, size, 1);
	ready_and_wait();
	CHECK(filled(at, size, 1));
	return finish();
}
