/* memfd_create(2): contents, offset, seals, mappings; of a descriptor, of a mapping only, of both; shared with a child. */
#include "victim.h"

static int make(const char *name, unsigned flags, size_t pages, uint64_t seed)
{
	int fd = MUST(memfd_create(name, flags));
	char *text = malloc(pages * PAGE);
	fill(text, pages * PAGE, seed);
	MUST(write(fd, text, pages * PAGE));
	free(text);
	return fd;
}

static char *map(size_t pages, int prot, int flags, int fd)
{
	void *at = mmap(NULL, pages * PAGE, prot, flags, fd, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

int main(void)
{
	int plain = make("plain", MFD_CLOEXEC, 20, 1);
	MUST(lseek(plain, 12345, SEEK_SET));
	int sealed = make("sealed", MFD_ALLOW_SEALING, 4, 2);
	MUST(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
	char *sealed_map = map(4, PROT_READ, MAP_PRIVATE, sealed);
	int future = make("future write", MFD_ALLOW_SEALING, 4, 3);
	char *future_map = map(4, PROT_READ | PROT_WRITE, MAP_SHARED, future);
	MUST(fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	int mapped = make("mapped only", 0, 8, 4);
	char *only = map(8, PROT_READ | PROT_WRITE, MAP_SHARED, mapped);
	char *private = map(8, PROT_READ | PROT_WRITE, MAP_PRIVATE, mapped);
	fill(private + PAGE, PAGE, 40);
	MUST(close(mapped));
	int sparse = make("sparse", 0, 1, 5);
	MUST(ftruncate(sparse, 1L << 32));
	MUST(pwrite(sparse, "end", 3, (1L << 32) - 3));
	int empty = MUST(memfd_create("", 0));
	int read_only = -1;
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
	read_only = MUST(open(path, O_RDONLY)); /* another struct file of the same inode */
	int shared = MUST(dup(plain));
	ready_and_wait();

	EQUAL(lseek(plain, 0, SEEK_CUR), 12345);
	EQUAL(lseek(shared, 100, SEEK_CUR), 12445);
	EQUAL(lseek(plain, 0, SEEK_CUR), 12445);
	EQUAL(lseek(read_only, 0, SEEK_CUR), 0);
	EQUAL(fcntl(plain, F_GETFD), FD_CLOEXEC);
	char *text = malloc(20 * PAGE);
	EQUAL(pread(plain, text, 20 * PAGE, 0), 20 * PAGE);
	CHECK(filled(text, 20 * PAGE, 1));
	EQUAL(pwrite(plain, "written", 7, 0), 7);
	EQUAL(pread(read_only, text, 7, 0), 7);
	CHECK(!memcmp(text, "written", 7));
	EQUAL(write(read_only, "x", 1), -1);
	EQUAL(fcntl(sealed, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	EQUAL(pwrite(sealed, "x", 1, 0), -1);
	EQUAL(errno, EPERM);
	EQUAL(ftruncate(sealed, 0), -1);
	CHECK(filled(sealed_map, 4 * PAGE, 2));
	EQUAL(fcntl(future, F_GET_SEALS), F_SEAL_FUTURE_WRITE);
	CHECK(filled(future_map, 4 * PAGE, 3));
	fill(future_map, PAGE, 30);
	EQUAL(pread(future, text, PAGE, 0), PAGE);
	CHECK(filled(text, PAGE, 30));
	EQUAL(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL); /* what one has without MFD_ALLOW_SEALING */
	CHECK(filled(only, 8 * PAGE, 4));
	CHECK(filled(private, PAGE, 4) && filled(private + PAGE, PAGE, 40));
	fill(only, PAGE, 41);
	CHECK(filled(private, PAGE, 41)); /* not copied yet: still the file's page */
	struct stat st;
	EQUAL(fstat(sparse, &st), 0);
	EQUAL(st.st_size, 1L << 32);
	CHECK(st.st_blocks < 100);
	EQUAL(pread(sparse, text, 3, (1L << 32) - 3), 3);
	CHECK(!memcmp(text, "end", 3));
	EQUAL(fstat(empty, &st), 0);
	EQUAL(st.st_size, 0);
	return finish();
}
