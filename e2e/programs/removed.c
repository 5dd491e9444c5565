/*
 * removed ghost: holds a removed file of 2 MiB · removed link: holds a file by a name that was removed, another one is left ·
 * removed links: two of the latter kind, in a directory of their own ·
 * removed vforks: the same again and again, each child for a moment.
 * removed vfork: waits for a child of vfork(2), which nobody can interrupt.
 */
#include "victim.h"

static int ghost(void)
{
	static char page[65536];
	char text[8] = "";
	int fd;

	MUST(fd = open("ghost", O_RDWR | O_CREAT, 0600));
	for (int i = 0; i < 32; i++) {
		memset(page, 'a' + i % 26, sizeof page);
		MUST(write(fd, page, sizeof page));
	}
	MUST(unlink("ghost"));
	say("ready");
	while (!told_to_go()) nap(20);
	EQUAL(lseek(fd, 0, SEEK_END), 32 * sizeof page);
	EQUAL(pread(fd, text, 1, 5 * sizeof page), 1);
	EQUAL(text[0], 'f');
	return finish();
}

static int linked(void)
{
	char text[16] = "";
	struct stat stat;
	int fd;

	MUST(fd = open("first", O_RDWR | O_CREAT, 0600));
	MUST(write(fd, "text", 4));
	MUST(link("first", "second"));
	MUST(unlink("first"));
	say("ready");
	while (!told_to_go()) nap(20);
	EQUAL(pread(fd, text, 8, 0), 4);
	CHECK(strcmp(text, "text") == 0);
	CHECK(fstat(fd, &stat) == 0);
	EQUAL(stat.st_nlink, 1);
	return finish();
}

static int links(void)
{
	static const char *const names[][2] = { { "inner/a", "inner/b" }, { "inner/c", "inner/d" } };
	char text[16] = "";
	int fds[2];

	MUST(mkdir("inner", 0755));
	for (int i = 0; i < 2; i++) {
		MUST(fds[i] = open(names[i][0], O_RDWR | O_CREAT, 0600));
		MUST(write(fds[i], names[i][0], 7));
		MUST(link(names[i][0], names[i][1]));
		MUST(unlink(names[i][0]));
	}
	say("ready");
	while (!told_to_go()) nap(20);
	for (int i = 0; i < 2; i++) {
		EQUAL(pread(fds[i], text, 8, 0), 7);
		CHECK(strcmp(text, names[i][0]) == 0);
	}
	return finish();
}

static int spawning(void)
{
	volatile int ends = 0, seen = 0; /* `ends` is counted by the children, in our memory */
	int status;

	say("ready");
	for (; !told_to_go(); seen++) {
		pid_t child = vfork();
		if (child == 0) {
			struct timespec moment = { 0, 300000000 };
			while (nanosleep(&moment, &moment) < 0) ;
			ends++;
			_exit(7);
		}
		if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) break;
	}
	CHECK(told_to_go());
	CHECK(seen > 1);
	EQUAL(ends, seen);
	return finish();
}

static int waiting(void)
{
	pid_t child;

	say("ready");
	child = vfork();
	if (child == 0) {
		for (;;) {
			struct timespec moment = { 0, 20000000 };
			nanosleep(&moment, 0);
			if (access(getenv("E2E_GO"), F_OK) == 0) _exit(7);
		}
	}
	int status = 0;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(WEXITSTATUS(status), 7);
	return finish();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	return strcmp(what, "ghost") == 0 ? ghost() : strcmp(what, "link") == 0 ? linked() : strcmp(what, "links") == 0 ? links() : strcmp(what, "vforks") == 0 ? spawning() : waiting();
}
