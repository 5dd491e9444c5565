/* io_uring_setup(2): idle rings, used by the plain system calls; a completion that nobody has taken yet stays so. */
#include "victim.h"
#include <linux/io_uring.h>

struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;
	struct io_uring_sqe *sqes;
};

#define SQ(r, field) ((uint32_t *)((r)->rings + (r)->p.sq_off.field))
#define CQ(r, field) ((uint32_t *)((r)->rings + (r)->p.cq_off.field))

static void make(struct ring *r, unsigned entries, unsigned completions)
{
	memset(&r->p, 0, sizeof r->p);
	if (completions) r->p.flags = IORING_SETUP_CQSIZE, r->p.cq_entries = completions;
	r->fd = syscall(SYS_io_uring_setup, entries, &r->p);
	if (r->fd < 0) skip("this kernel gives no io_uring");
	size_t sq = r->p.sq_off.array + 4 * r->p.sq_entries, cq = r->p.cq_off.cqes + 16 * r->p.cq_entries;
	r->rings = mmap(NULL, sq > cq ? sq : cq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, 64 * r->p.sq_entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	MUST(r->rings == MAP_FAILED || r->sqes == MAP_FAILED ? -1 : 0);
}

static void submit(struct ring *r, struct io_uring_sqe sqe)
{
	uint32_t tail = *SQ(r, tail), at = tail & *SQ(r, ring_mask);
	r->sqes[at] = sqe;
	SQ(r, array)[at] = at;
	__atomic_store_n(SQ(r, tail), tail + 1, __ATOMIC_RELEASE);
	long n = syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (n != 1) say("not ok - io_uring_enter: %ld, errno %d", n, errno), exit(4);
}

/* The result of the next completion; its user_data must be that. */
static int complete(struct ring *r, uint64_t data)
{
	uint32_t head = *CQ(r, head);
	if (head == __atomic_load_n(CQ(r, tail), __ATOMIC_ACQUIRE)) return -1000;
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes) + (head & *CQ(r, ring_mask));
	int res = cqe->user_data == data ? cqe->res : -2000;
	__atomic_store_n(CQ(r, head), head + 1, __ATOMIC_RELEASE);
	return res;
}

static int read_by(struct ring *r, int fd, void *buffer, unsigned length, uint64_t data)
{
	submit(r, (struct io_uring_sqe){ .opcode = IORING_OP_READ, .fd = fd, .addr = (uintptr_t)buffer, .len = length, .user_data = data });
	return complete(r, data);
}

int main(void)
{
	struct ring fresh, used, waiting;
	char buffer[64];
	int file = MUST(open("data", O_RDWR | O_CREAT, 0600));
	MUST(write(file, "ring of fire", 12));
	make(&fresh, 4, 0);
	make(&used, 8, 64);
	make(&waiting, 16, 0);
	MUST(fcntl(fresh.fd, F_SETFD, 0));
	for (uint64_t i = 0; i < 1003; i++) if (read_by(&used, file, buffer, 12, i) != 12) skip("io_uring can't read");
	submit(&waiting, (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = 77 });
	/* by a worker, a thread of the kernel's in this process, which then idles */
	submit(&used, (struct io_uring_sqe){ .opcode = IORING_OP_READ, .fd = file, .addr = (uintptr_t)buffer, .len = 12, .flags = IOSQE_ASYNC, .user_data = 3 });
	EQUAL(complete(&used, 3), 12);
	int twin = MUST(dup(used.fd));
	ready_and_wait();
	for (uint64_t i = 5000; i < 5020; i++) {
		memset(buffer, 0, sizeof buffer);
		if (!EQUAL(read_by(&used, file, buffer, 12, i), 12) || !CHECK(memcmp(buffer, "ring of fire", 12) == 0)) break;
	}
	EQUAL(*SQ(&used, head), 1024);
	EQUAL(*CQ(&used, tail), 1024);
	EQUAL(*CQ(&used, ring_entries), 64);
	EQUAL(complete(&waiting, 77), 0);
	EQUAL(complete(&waiting, 77), -1000);
	for (uint64_t i = 0; i < 40; i++) {
		submit(&waiting, (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = i });
		if (complete(&waiting, i) != 0) { CHECK(!"a later request of the ring that was waiting"); break; }
	}
	EQUAL(read_by(&fresh, file, buffer, 4, 1), 4);
	EQUAL(fcntl(fresh.fd, F_GETFD), 0);
	/* the twin is the same ring */
	used.fd = twin;
	EQUAL(read_by(&used, file, buffer, 12, 9), 12);
	return finish();
}
