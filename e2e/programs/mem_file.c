/* Mappings of files: private and shared, read-only, at offsets, beyond the end, of files opened and closed. */
#include "victim.h"

static int file(const char *name, size_t pages, uint64_t seed)
{
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	char *text = malloc(pages * PAGE);
	fill(text, pages * PAGE, seed);
	MUST(write(fd, text, pages * PAGE));
	free(text);
	return fd;
}

static char *map(size_t pages, int prot, int flags, int fd, off_t offset)
{
	void *at = mmap(NULL, pages * PAGE, prot, flags, fd, offset);
	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

int main(void)
{
	int fd = file("mapped", 64, 1);
	char *private = map(64, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	fill(private + 3 * PAGE, PAGE, 50); /* copies of our own, between untouched pages */
	fill(private + 40 * PAGE, 5 * PAGE, 51);
	char *private_ro = map(64, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	fill(private_ro + 7 * PAGE, PAGE, 52);
	MUST(mprotect(private_ro, 64 * PAGE, PROT_READ));
	char *exec = map(4, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 8 * PAGE);
	int shared_fd = file("shared", 16, 2);
	char *shared = map(16, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	char *window = map(4, PROT_READ, MAP_SHARED, shared_fd, 8 * PAGE);
	fill(shared + 9 * PAGE, PAGE, 60);
	int ro_fd = MUST(open("shared", O_RDONLY));
	char *shared_ro = map(4, PROT_READ, MAP_SHARED, ro_fd, 0); /* can never be made writable */
	MUST(close(ro_fd));
	int short_fd = file("short", 1, 3);
	MUST(ftruncate(short_fd, 100));
	char *beyond = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE, short_fd, 0); /* pages 1..3: SIGBUS */
	fill(beyond, PAGE / 2, 70);
	char *none = map(4, PROT_NONE, MAP_PRIVATE, short_fd, 0);
	MUST(close(short_fd));
	char *populated = map(16, PROT_READ, MAP_SHARED | MAP_POPULATE, shared_fd, 0);
	MUST(close(shared_fd));
	ready_and_wait();

	CHECK(filled(private, 3 * PAGE, 1) && filled(private + 3 * PAGE, PAGE, 50));
	CHECK(filled(private + 4 * PAGE, 36 * PAGE, 1 + 4 * PAGE / 8) && filled(private + 40 * PAGE, 5 * PAGE, 51));
	CHECK(filled(private + 45 * PAGE, 19 * PAGE, 1 + 45 * PAGE / 8));
	CHECK(filled(private_ro + 7 * PAGE, PAGE, 52) && filled(private_ro, 7 * PAGE, 1));
	CHECK(filled(exec, 4 * PAGE, 1 + 8 * PAGE / 8));
	CHECK(filled(shared + 9 * PAGE, PAGE, 60) && filled(window + PAGE, PAGE, 60));
	fill(shared + 8 * PAGE, PAGE, 61);
	CHECK(filled(window, PAGE, 61)); /* one file still */
	CHECK(filled(shared_ro, 4 * PAGE, 2) && filled(populated + 8 * PAGE, PAGE, 61));
	EQUAL(mprotect(shared_ro, PAGE, PROT_READ | PROT_WRITE), -1);
	EQUAL(errno, EACCES);
	CHECK(filled(beyond, PAGE / 2, 70));
	int p[2];
	MUST(pipe(p));
	EQUAL(write(p[1], beyond + PAGE, 1), -1); /* EFAULT where a touch would be SIGBUS */
	CHECK(!mprotect(none, 4 * PAGE, PROT_READ));
	fill(private, PAGE, 53); /* a write now doesn't reach the file */
	char text[PAGE];
	EQUAL(pread(fd, text, PAGE, 0), PAGE);
	CHECK(filled(text, PAGE, 1));
	int other = open("shared", O_RDONLY);
	EQUAL(pread(other, text, PAGE, 9 * PAGE), PAGE);
	CHECK(filled(text, PAGE, 60));
	return finish();
}
