/* Native asynchronous I/O (io_setup(2)): contexts with events that nobody has taken yet, before and after their ring came around. */
#include "victim.h"
#include <linux/aio_abi.h>

struct ring { unsigned id, nr, head, tail, magic, compat, incompat, header_length; };

static aio_context_t fresh, some, around;
static int null, file;
static char text[16] = "fifteen letters";

static struct iocb request(int fd, int number)
{
	return (struct iocb){ .aio_data = number, .aio_fildes = fd, .aio_buf = (uintptr_t)text, .aio_nbytes = 15, .aio_lio_opcode = IOCB_CMD_PWRITE };
}

static int submit(aio_context_t context, int fd, int number)
{
	struct iocb iocb = request(fd, number), *list = &iocb;
	return syscall(SYS_io_submit, context, 1L, &list);
}

/* The number of the next event that waits; -1: none. */
static long take(aio_context_t context)
{
	struct io_event event;
	return syscall(SYS_io_getevents, context, 0L, 1L, &event, NULL) == 1 && event.res == 15 ? (long)event.data : -1;
}

int main(void)
{
	if (syscall(SYS_io_setup, 8, &fresh) < 0) skip(errno == ENOSYS ? "no asynchronous I/O (CONFIG_AIO)" : "fs.aio-max-nr is reached");
	MUST(syscall(SYS_io_setup, 64, &some));
	MUST(syscall(SYS_io_setup, 500, &around));
	null = MUST(open("/dev/null", O_WRONLY));
	file = MUST(open("aio.data", O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (int i = 0; i < 20; i++) MUST(submit(some, null, i) == 1 ? 0 : -1);
	for (int i = 0; i < 7; i++) MUST(take(some) == i ? 0 : -1);
	unsigned nr = ((struct ring *)around)->nr;
	for (unsigned i = 0; i < nr + 30; i++) {
		MUST(submit(around, null, i) == 1 ? 0 : -1);
		if (i >= 100) MUST(take(around) == (long)i - 100 ? 0 : -1);
	}
	struct ring was = *(struct ring *)around;
	MUST(was.tail < was.head ? 0 : -1);
	ready_and_wait();
	struct ring is = *(struct ring *)around;
	CHECK(is.nr == was.nr && is.head == was.head && is.tail == was.tail);
	EQUAL(take(fresh), -1);
	int good = 1;
	for (int i = 7; i < 20; i++) good &= take(some) == i;
	CHECK(good);
	EQUAL(take(some), -1);
	good = 1;
	for (unsigned i = nr - 70; i < nr + 30; i++) good &= take(around) == (long)i;
	CHECK(good);
	EQUAL(take(around), -1);
	/* All go on, and have room for as many as before. */
	aio_context_t all[] = { fresh, some, around };
	for (int i = 0; i < 3; i++) {
		EQUAL(submit(all[i], file, 1000 + i), 1);
		EQUAL(take(all[i]), 1000 + i);
	}
	good = 1;
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 60; i++) good &= submit(some, null, i) == 1;
		for (int i = 0; i < 60; i++) good &= take(some) == i;
	}
	CHECK(good);
	char found[16] = "";
	EQUAL(pread(file, found, 15, 0), 15);
	CHECK(!strcmp(found, text));
	for (int i = 0; i < 3; i++) EQUAL(syscall(SYS_io_destroy, all[i]), 0);
	return finish();
}
