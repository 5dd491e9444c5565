/* Rings whose state nobody can read back: each must be refused by its name, and the program must not notice. */
#include "victim.h"
#include <linux/io_uring.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

static int ring;
static char *rings;
static struct io_uring_sqe *sqes;
static struct io_uring_params p;

static void make(unsigned flags)
{
	p.flags = flags;
	p.sq_thread_idle = 20;
	ring = syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0) skip("this kernel gives no such io_uring");
	rings = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	MUST(rings == MAP_FAILED || sqes == MAP_FAILED ? -1 : 0);
}

static uint32_t *at(uint32_t offset) { return (uint32_t *)(rings + offset); }

static void submit(struct io_uring_sqe sqe)
{
	uint32_t tail = *at(p.sq_off.tail), index = tail & *at(p.sq_off.ring_mask);
	sqes[index] = sqe;
	at(p.sq_off.array)[index] = index;
	__atomic_store_n(at(p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	MUST(syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0));
}

static void wait_for_one(void)
{
	while (*at(p.cq_off.head) == __atomic_load_n(at(p.cq_off.tail), __ATOMIC_ACQUIRE)) MUST(syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
}

static long enroll(unsigned opcode, void *arg, unsigned n) { return MUST(syscall(SYS_io_uring_register, ring, opcode, arg, n)); }

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	static char buffer[4096] __attribute__((aligned(4096)));
	struct __kernel_timespec long_time = { .tv_sec = 1000 };
	int fds[2], event = MUST(eventfd(0, EFD_NONBLOCK));
	MUST(pipe(fds));
	make(!strcmp(kind, "sqpoll") ? IORING_SETUP_SQPOLL : !strcmp(kind, "single") ? IORING_SETUP_SINGLE_ISSUER : !strcmp(kind, "disabled") ? IORING_SETUP_R_DISABLED : 0);
	/* its thread has come to rest, and has its name and number by then */
	if (!strcmp(kind, "sqpoll")) while (!(__atomic_load_n(at(p.sq_off.flags), __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP)) nap(5);
	if (!strcmp(kind, "poll")) submit((struct io_uring_sqe){ .opcode = IORING_OP_POLL_ADD, .fd = fds[0], .poll32_events = 1, .user_data = 5 });
	if (!strcmp(kind, "timeout")) submit((struct io_uring_sqe){ .opcode = IORING_OP_TIMEOUT, .fd = -1, .addr = (uintptr_t)&long_time, .len = 1, .user_data = 5 });
	if (!strcmp(kind, "buffers")) enroll(IORING_REGISTER_BUFFERS, &(struct iovec){ buffer, sizeof buffer }, 1);
	if (!strcmp(kind, "files")) enroll(IORING_REGISTER_FILES, fds, 2);
	if (!strcmp(kind, "ring")) enroll(IORING_REGISTER_RING_FDS, &(struct io_uring_rsrc_update){ .offset = -1U, .data = ring }, 1);
	if (!strcmp(kind, "eventfd")) enroll(IORING_REGISTER_EVENTFD, &event, 1);
	if (!strcmp(kind, "provided")) {
		submit((struct io_uring_sqe){ .opcode = IORING_OP_PROVIDE_BUFFERS, .fd = 2, .addr = (uintptr_t)buffer, .len = 2048, .buf_group = 7, .user_data = 1 });
		wait_for_one();
		++*at(p.cq_off.head);
	}
	ready_and_wait();
	if (!strcmp(kind, "poll")) {
		MUST(write(fds[1], "x", 1));
		wait_for_one();
		EQUAL(*at(p.cq_off.tail), 1);
	} else if (strcmp(kind, "sqpoll") && strcmp(kind, "timeout") && strcmp(kind, "disabled")) {
		submit((struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = 9 });
		wait_for_one();
		CHECK(1);
		uint64_t count = 0;
		if (!strcmp(kind, "eventfd")) EQUAL(read(event, &count, 8), 8);
	} else CHECK(fcntl(ring, F_GETFD) >= 0);
	return finish();
}
