/* Anonymous shared memory that was opened as a file (/proc/PID/map_files): a descriptor, a private mapping, a child's mapping. */
#include "victim.h"

static int open_mapping(const void *at, size_t size)
{
	char path[96];
	snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", (long)at, (long)at + size);
	return MUST(open(path, O_RDWR | O_CLOEXEC));
}

static char *map(size_t pages, int flags, int fd, int from)
{
	void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, from * PAGE);
	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

int main(void)
{
	char *shared = map(5, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *closed = map(2, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fill(shared, 3 * PAGE, 1);
	fill(closed, PAGE, 2);
	pid_t child = MUST(fork());
	if (child == 0) {
		/* Knows of no file. */
		while (!told_to_go() || shared[4 * PAGE] != 'p') nap(5);
		shared[4 * PAGE + 1] = 'c';
		_exit(filled(shared, 3 * PAGE, 1) && filled(closed, PAGE, 2) ? 7 : 8);
	}
	int fd = open_mapping(shared, 5 * PAGE);
	MUST(fcntl(fd, F_SETFL, O_APPEND));
	MUST(lseek(fd, 3, SEEK_SET));
	char *copy = map(4, MAP_PRIVATE, fd, 1), *second = map(3, MAP_SHARED, fd, 2);
	copy[PAGE] = 'x';
	/* A file only for as long as it took to map it; and one that no mapping has any more, of half a page. */
	int other = open_mapping(closed, 2 * PAGE);
	char *rest = map(1, MAP_PRIVATE, other, 0);
	MUST(close(other));
	char *gone = map(1, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int alone = open_mapping(gone, PAGE);
	MUST(munmap(gone, PAGE));
	MUST(ftruncate(alone, 2000));
	MUST(pwrite(alone, "word", 4, 1996));
	settle(child);
	ready_and_wait();
	CHECK(filled(shared, 3 * PAGE, 1));
	CHECK(copy[PAGE] == 'x' && filled(copy, PAGE, 1 + PAGE / 8) && shared[2 * PAGE] != 'x');
	CHECK(filled(second, PAGE, 1 + 2 * PAGE / 8));
	CHECK(filled(rest, PAGE, 2));
	EQUAL(lseek(fd, 0, SEEK_CUR), 3);
	EQUAL(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
	second[2 * PAGE] = 'p';
	int status = 0;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 7 << 8);
	char byte = 0;
	EQUAL(pread(fd, &byte, 1, 4 * PAGE + 1), 1);
	EQUAL(byte, 'c');
	char word[8] = "";
	EQUAL(pread(alone, word, 8, 1996), 4);
	CHECK(!strcmp(word, "word"));
	return finish();
}
