/* epoll(7) targets whose descriptor was closed while a duplicate lives on, or now names another file: the registration stays. */
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void)
{
	int ep = MUST(epoll_create1(0)), event = MUST(eventfd(0, 0));
	struct epoll_event reg = { .events = EPOLLIN, .data.u64 = 11 };
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, event, &reg));
	int moved = MUST(fcntl(event, F_DUPFD, 600));
	MUST(close(event)); /* the target is now only known by a number that is closed */
	ready_and_wait();
	uint64_t one = 1;
	struct epoll_event got;
	EQUAL(epoll_wait(ep, &got, 1, 0), 0);
	EQUAL(write(moved, &one, 8), 8);
	EQUAL(epoll_wait(ep, &got, 1, 0), 1);
	EQUAL(got.data.u64, 11);
	EQUAL(fcntl(event, F_GETFD), -1);
	return finish();
}
