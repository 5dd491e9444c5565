/* Memory devices: /dev/null, zero, full, random, urandom; with flags and as mappings. */
#include "victim.h"

int main(void)
{
	int null = MUST(open("/dev/null", O_RDWR | O_APPEND)), zero = MUST(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	int full = MUST(open("/dev/full", O_WRONLY)), urandom = MUST(open("/dev/urandom", O_RDONLY)), random = MUST(open("/dev/random", O_RDONLY | O_NONBLOCK));
	char *private_zero = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	MUST(private_zero == MAP_FAILED ? -1 : 0);
	fill(private_zero + PAGE, PAGE, 9);
	ready_and_wait();
	char text[64] = "x";
	EQUAL(read(null, text, 8), 0);
	EQUAL(write(null, text, 8), 8);
	EQUAL(fcntl(null, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
	EQUAL(read(zero, text, 64), 64);
	CHECK(zeroed(text, 64));
	EQUAL(fcntl(zero, F_GETFD), FD_CLOEXEC);
	EQUAL(write(full, text, 1), -1);
	EQUAL(errno, ENOSPC);
	EQUAL(read(urandom, text, 64), 64);
	CHECK(!zeroed(text, 64));
	EQUAL(read(random, text, 16), 16);
	CHECK(zeroed(private_zero, PAGE) && filled(private_zero + PAGE, PAGE, 9) && zeroed(private_zero + 2 * PAGE, 2 * PAGE));
	return finish();
}
