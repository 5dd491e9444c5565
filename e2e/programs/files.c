/* Regular files: offsets shared by dup and by fork, flags, directories, O_PATH, descriptors far up, growth meanwhile. */
#include "victim.h"
#include <dirent.h>

static int put(const char *name, const char *text)
{
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0640));
	MUST(write(fd, text, strlen(text)));
	return fd;
}

int main(void)
{
	int a = put("a", "0123456789");
	MUST(lseek(a, 3, SEEK_SET));
	int twin = MUST(dup(a)), again = MUST(open("a", O_RDONLY));
	MUST(lseek(again, 7, SEEK_SET));
	int append = MUST(open("a", O_WRONLY | O_APPEND));
	int sync = MUST(open("a", O_RDWR | O_SYNC | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
	int far = MUST(fcntl(a, F_DUPFD_CLOEXEC, 1234));
	put("dir-entry", "");
	MUST(mkdir("folder", 0700));
	close(put("folder/one", "1"));
	close(put("folder/two", "2"));
	int dir = MUST(open("folder", O_RDONLY | O_DIRECTORY));
	int path = MUST(open("a", O_PATH)), path_dir = MUST(open("folder", O_PATH | O_DIRECTORY | O_CLOEXEC));
	MUST(symlink("a", "link"));
	int path_link = MUST(open("link", O_PATH | O_NOFOLLOW));
	int beyond = put("beyond", "abc");
	MUST(lseek(beyond, 1L << 40, SEEK_SET));
	int write_only = MUST(open("a", O_WRONLY));
	int odd = put("name with space and \xc3\xa4 (deleted)", "odd"); /* a file that only says it is deleted */
	int inherited = put("inherited", "abcdefghij");
	MUST(lseek(inherited, 2, SEEK_SET));
	int hand[2];
	MUST(pipe(hand));
	pid_t child = MUST(fork());
	if (child == 0) {
		MUST(close(far));
		MUST(dup2(inherited, 40));
		MUST(fcntl(40, F_SETFD, FD_CLOEXEC));
		char c;
		MUST(read(hand[0], &c, 1)); /* here it waits */
		int good = read(40, &c, 1) == 1 && c == 'c' && fcntl(40, F_GETFD) == FD_CLOEXEC && fcntl(far, F_GETFD) == -1;
		_exit(good ? 0 : 1);
	}
	settle(child);
	ready_and_wait();

	char text[64];
	EQUAL(lseek(a, 0, SEEK_CUR), 3);
	EQUAL(read(twin, text, 2), 2);
	CHECK(text[0] == '3' && text[1] == '4');
	EQUAL(lseek(far, 0, SEEK_CUR), 5); /* one offset, three descriptors */
	EQUAL(lseek(again, 0, SEEK_CUR), 7);
	EQUAL(fcntl(far, F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(a, F_GETFD), 0);
	EQUAL(fcntl(append, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	EQUAL(write(append, "AB", 2), 2);
	EQUAL(pread(a, text, 64, 0), 12);
	CHECK(!memcmp(text + 10, "AB", 2));
	EQUAL(fcntl(sync, F_GETFL) & (O_ACCMODE | O_SYNC | O_NONBLOCK | O_NOATIME), O_RDWR | O_SYNC | O_NONBLOCK | O_NOATIME);
	EQUAL(fcntl(sync, F_GETFD), FD_CLOEXEC);
	DIR *list = fdopendir(dir);
	int entries = 0;
	while (list && readdir(list)) entries++;
	EQUAL(entries, 4);
	EQUAL(read(path, text, 1), -1);
	EQUAL(errno, EBADF);
	int inside = openat(path_dir, "one", O_RDONLY);
	CHECK(inside >= 0);
	EQUAL(readlinkat(path_link, "", text, sizeof text), 1);
	EQUAL(lseek(beyond, 0, SEEK_CUR), 1L << 40);
	EQUAL(read(write_only, text, 1), -1);
	EQUAL(pread(odd, text, 64, 0), 3);
	EQUAL(write(hand[1], "g", 1), 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	EQUAL(lseek(inherited, 0, SEEK_CUR), 3); /* moved by the child's read */
	return finish();
}
