/* epoll(7): level, edge, one-shot (spent and not), data, nested, targets dup'ed and moved, an event waiting. */
#include "victim.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int wait_for(int ep, uint64_t data, unsigned events)
{
	struct epoll_event got[8];
	int n = epoll_wait(ep, got, 8, 0);
	for (int i = 0; i < n; i++)
		if (got[i].data.u64 == data) return got[i].events == events ? 1 : -(int)got[i].events - 1;
	return 0;
}

static void add(int ep, int fd, unsigned events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
}

int main(void)
{
	int ep = MUST(epoll_create1(EPOLL_CLOEXEC)), outer = MUST(epoll_create1(0)), empty = MUST(epoll_create1(0));
	int level = MUST(eventfd(0, 0)), edge = MUST(eventfd(0, 0)), once = MUST(eventfd(0, 0)), spent = MUST(eventfd(1, 0));
	int many[100], p[2];
	MUST(pipe(p));
	add(ep, level, EPOLLIN, 0x1111222233334444);
	add(ep, edge, EPOLLIN | EPOLLET, 2);
	add(ep, once, EPOLLIN | EPOLLONESHOT, 3);
	add(ep, spent, EPOLLIN | EPOLLONESHOT, 4);
	MUST(wait_for(ep, 4, EPOLLIN) == 1 ? 0 : -1); /* now disabled, until epoll_ctl(MOD) */
	add(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE, 5);
	add(outer, ep, EPOLLIN, 6);
	int ready = MUST(eventfd(1, 0));
	add(outer, ready, EPOLLIN, 7); /* ready while dumped */
	for (int i = 0; i < 100; i++) {
		many[i] = MUST(dup(level)); /* a hundred registrations of one file, by descriptor */
		add(empty, many[i], EPOLLIN, 1000 + i);
	}
	int twin = MUST(dup2(ep, 700));
	ready_and_wait();

	uint64_t one = 1;
	EQUAL(wait_for(outer, 7, EPOLLIN), 1);
	EQUAL(wait_for(outer, 6, EPOLLIN), 0);
	EQUAL(write(level, &one, 8), 8);
	EQUAL(wait_for(ep, 0x1111222233334444, EPOLLIN), 1);
	EQUAL(wait_for(ep, 0x1111222233334444, EPOLLIN), 1); /* level: again */
	EQUAL(wait_for(outer, 6, EPOLLIN), 1);
	EQUAL(write(edge, &one, 8), 8);
	EQUAL(wait_for(twin, 2, EPOLLIN), 1);
	EQUAL(wait_for(ep, 2, EPOLLIN), 0); /* edge: once */
	EQUAL(write(edge, &one, 8), 8);
	EQUAL(wait_for(ep, 2, EPOLLIN), 1);
	EQUAL(write(once, &one, 8), 8);
	EQUAL(wait_for(ep, 3, EPOLLIN), 1);
	EQUAL(wait_for(ep, 3, EPOLLIN), 0);
	EQUAL(wait_for(ep, 4, EPOLLIN), 0); /* still spent */
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 44 };
	EQUAL(epoll_ctl(ep, EPOLL_CTL_MOD, spent, &event), 0);
	EQUAL(wait_for(ep, 44, EPOLLIN), 1);
	EQUAL(write(p[1], "x", 1), 1);
	EQUAL(wait_for(ep, 5, EPOLLIN), 1);
	struct epoll_event got[200];
	EQUAL(epoll_wait(empty, got, 200, 0), 100);
	EQUAL(fcntl(ep, F_GETFD), FD_CLOEXEC);
	EQUAL(epoll_ctl(ep, EPOLL_CTL_DEL, level, NULL), 0);
	EQUAL(epoll_ctl(ep, EPOLL_CTL_DEL, level, NULL), -1);
	EQUAL(errno, ENOENT);
	return finish();
}
