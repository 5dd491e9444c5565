/* Unlinked files: open, opened twice, mapped, shared with a child, a directory; and one whose other name remains. */
#include "victim.h"

static int put(const char *name, size_t pages, uint64_t seed)
{
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_EXCL, 0604));
	char *text = malloc(pages * PAGE + 1);
	fill(text, pages * PAGE, seed);
	MUST(write(fd, text, pages * PAGE));
	free(text);
	return fd;
}

int main(void)
{
	int open_only = put("ghost-open", 5, 1);
	MUST(lseek(open_only, 777, SEEK_SET));
	int second = MUST(open("ghost-open", O_RDONLY));
	MUST(lseek(second, 4242, SEEK_SET));
	MUST(fchmod(open_only, 0741));
	MUST(fchown(open_only, 12, 34));
	MUST(unlink("ghost-open"));
	int fd = put("ghost-mapped", 8, 2);
	char *shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *private = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	MUST(shared == MAP_FAILED || private == MAP_FAILED ? -1 : 0);
	fill(shared + PAGE, PAGE, 20);
	fill(private + 2 * PAGE, PAGE, 21);
	MUST(close(fd));
	MUST(unlink("ghost-mapped"));
	int empty = put("ghost-empty", 0, 0);
	MUST(unlink("ghost-empty"));
	int sparse = put("ghost-sparse", 1, 3);
	MUST(ftruncate(sparse, 200 * PAGE));
	MUST(pwrite(sparse, "tail", 4, 200 * PAGE - 4));
	MUST(unlink("ghost-sparse"));
	int temporary = open(".", O_TMPFILE | O_RDWR, 0600); /* never had a name */
	if (temporary >= 0) MUST(write(temporary, "nameless", 8));
	/* a new file has taken the name of the unlinked one */
	int old = put("replaced", 1, 4);
	MUST(unlink("replaced"));
	int fresh = put("replaced", 1, 5);
	int hand[2];
	MUST(pipe(hand));
	pid_t child = MUST(fork());
	if (child == 0) {
		char c, text[PAGE];
		MUST(read(hand[0], &c, 1));
		_exit(!(pread(open_only, text, PAGE, 0) == (ssize_t)PAGE && !memcmp(text, "by the parent", 13)));
	}
	settle(child);
	ready_and_wait();

	char text[5 * PAGE];
	struct stat st;
	EQUAL(lseek(open_only, 0, SEEK_CUR), 777);
	EQUAL(lseek(second, 0, SEEK_CUR), 4242);
	EQUAL(pread(open_only, text, 5 * PAGE, 0), 5 * PAGE);
	CHECK(filled(text, 5 * PAGE, 1));
	EQUAL(fstat(open_only, &st), 0);
	EQUAL(st.st_nlink, 0);
	EQUAL(st.st_mode & 07777, 0741);
	EQUAL(st.st_uid, 12);
	EQUAL(st.st_gid, 34);
	EQUAL(access("ghost-open", F_OK), -1);
	EQUAL(pwrite(open_only, "by the parent", 13, 0), 13);
	EQUAL(pread(second, text, 13, 0), 13);
	CHECK(!memcmp(text, "by the parent", 13));
	CHECK(filled(shared, PAGE, 2) && filled(shared + PAGE, PAGE, 20));
	CHECK(filled(private + PAGE, PAGE, 20) && filled(private + 2 * PAGE, PAGE, 21) && filled(private + 3 * PAGE, PAGE, 2 + 3 * PAGE / 8));
	fill(shared + 4 * PAGE, PAGE, 22);
	CHECK(filled(private + 4 * PAGE, PAGE, 22));
	EQUAL(fstat(empty, &st), 0);
	EQUAL(st.st_size, 0);
	EQUAL(fstat(sparse, &st), 0);
	EQUAL(st.st_size, 200 * PAGE);
	EQUAL(pread(sparse, text, 4, 200 * PAGE - 4), 4);
	CHECK(!memcmp(text, "tail", 4));
	if (temporary >= 0) {
		EQUAL(pread(temporary, text, 64, 0), 8);
		CHECK(!memcmp(text, "nameless", 8));
	}
	EQUAL(pread(old, text, PAGE, 0), PAGE);
	CHECK(filled(text, PAGE, 4));
	EQUAL(pread(fresh, text, PAGE, 0), PAGE);
	CHECK(filled(text, PAGE, 5));
	EQUAL(write(hand[1], "g", 1), 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	return finish();
}
