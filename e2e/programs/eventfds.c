/* eventfd(2): counter of 64 bits, semaphore, non-blocking, two descriptors of one. */
#include "victim.h"
#include <sys/eventfd.h>

int main(void)
{
	int plain = MUST(eventfd(3, EFD_NONBLOCK)), semaphore = MUST(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
	int large = MUST(eventfd(0, EFD_NONBLOCK)), twin = MUST(dup2(plain, 500));
	uint64_t big = 0xfffffffffffffffdULL, value;
	MUST(write(large, &big, 8));
	ready_and_wait();
	EQUAL(read(twin, &value, 8), 8);
	EQUAL(value, 3);
	EQUAL(read(plain, &value, 8), -1);
	EQUAL(errno, EAGAIN);
	for (int i = 0; i < 2; i++) {
		EQUAL(read(semaphore, &value, 8), 8);
		EQUAL(value, 1);
	}
	EQUAL(read(semaphore, &value, 8), -1);
	EQUAL(fcntl(semaphore, F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(plain, F_GETFD), 0);
	EQUAL(read(large, &value, 8), 8);
	CHECK(value == big);
	return finish();
}
