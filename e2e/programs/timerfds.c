/* timerfd_create(2): armed once, with an interval, expired with ticks unread, disarmed, absolute; clocks and flags. */
#include "victim.h"
#include <poll.h>
#include <sys/timerfd.h>

/* It goes off again between any two looks at it. */
static int make_fast(void)
{
	int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec at = { .it_value = { 0, 1000 }, .it_interval = { 0, 1000 } };
	MUST(timerfd_settime(fd, 0, &at, NULL));
	return fd;
}

static int make(int clock, int flags, long first_ms, long interval_ms, int set_flags)
{
	int fd = MUST(timerfd_create(clock, flags));
	struct itimerspec at = { .it_value = { first_ms / 1000, first_ms % 1000 * 1000000 }, .it_interval = { interval_ms / 1000, interval_ms % 1000 * 1000000 } };
	if (set_flags & TFD_TIMER_ABSTIME) {
		struct timespec now;
		clock_gettime(clock, &now);
		at.it_value.tv_sec += now.tv_sec;
	}
	if (first_ms) MUST(timerfd_settime(fd, set_flags, &at, NULL));
	return fd;
}

int main(void)
{
	int soon = make(CLOCK_MONOTONIC, 0, 1500, 0, 0), far = make(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC, 3600000, 0, 0);
	int ticking = make(CLOCK_MONOTONIC, TFD_NONBLOCK, 10, 10, 0), idle = make(CLOCK_REALTIME, TFD_NONBLOCK, 0, 0, 0);
	int expired = make(CLOCK_MONOTONIC, TFD_NONBLOCK, 1, 0, 0), absolute = make(CLOCK_REALTIME, TFD_NONBLOCK, 7200000, 5000, TFD_TIMER_ABSTIME);
	int boot = make(CLOCK_BOOTTIME, TFD_NONBLOCK, 3600000, 60000, 0);
	int fast = make_fast();
	nap(50);
	ready_and_wait();

	uint64_t ticks = 0;
	struct itimerspec left;
	EQUAL(timerfd_gettime(far, &left), 0);
	CHECK(left.it_value.tv_sec > 3500 && left.it_value.tv_sec <= 3600);
	EQUAL(left.it_interval.tv_sec, 0);
	EQUAL(fcntl(far, F_GETFD), FD_CLOEXEC);
	EQUAL(timerfd_gettime(ticking, &left), 0);
	EQUAL(left.it_interval.tv_nsec, 10000000);
	EQUAL(read(ticking, &ticks, 8), 8);
	CHECK(ticks >= 4);
	EQUAL(read(fast, &ticks, 8), 8);
	CHECK(ticks >= 50000);
	nap(30);
	EQUAL(read(ticking, &ticks, 8), 8);
	EQUAL(read(fast, &ticks, 8), 8);
	EQUAL(timerfd_gettime(idle, &left), 0);
	EQUAL(left.it_value.tv_sec | left.it_value.tv_nsec, 0);
	EQUAL(read(idle, &ticks, 8), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(read(expired, &ticks, 8), 8); /* its tick waited for us */
	EQUAL(ticks, 1);
	EQUAL(read(expired, &ticks, 8), -1);
	EQUAL(timerfd_gettime(absolute, &left), 0);
	CHECK(left.it_value.tv_sec > 7100 && left.it_value.tv_sec <= 7200);
	EQUAL(left.it_interval.tv_sec, 5);
	EQUAL(timerfd_gettime(boot, &left), 0);
	CHECK(left.it_value.tv_sec > 3500 && left.it_value.tv_sec <= 3600);
	EQUAL(left.it_interval.tv_sec, 60);
	struct pollfd event = { .fd = soon, .events = POLLIN };
	EQUAL(poll(&event, 1, 5000), 1);
	EQUAL(read(soon, &ticks, 8), 8);
	EQUAL(ticks, 1);
	return finish();
}
