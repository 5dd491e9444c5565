/* cwd, root, umask: of a parent, and of a child that has others; a cwd that was removed is another program's matter. */
#include "victim.h"

int main(void)
{
	char here[512], text[512];
	MUST(getcwd(here, sizeof here) ? 0 : -1);
	MUST(mkdir("jail", 0755));
	MUST(mkdir("jail/inner", 0755));
	int hand[2];
	MUST(pipe(hand));
	umask(0137);
	pid_t child = MUST(fork());
	if (child == 0) {
		MUST(chdir("jail"));
		MUST(chroot("."));
		MUST(chdir("/inner"));
		umask(0);
		char c;
		MUST(read(hand[0], &c, 1));
		struct stat root, jail;
		int good = getcwd(text, sizeof text) && !strcmp(text, "/inner") && umask(0) == 0;
		good = good && !stat("/", &root) && !stat("..", &jail) && root.st_ino == jail.st_ino && !mkdir("/made", 0777) && !stat("/made", &jail);
		_exit(good && (jail.st_mode & 0777) == 0777 ? 0 : 1);
	}
	settle(child);
	ready_and_wait();
	CHECK(getcwd(text, sizeof text) && !strcmp(text, here));
	int fd = open("made", O_CREAT | O_WRONLY, 0777);
	struct stat st;
	EQUAL(fstat(fd, &st), 0);
	EQUAL(st.st_mode & 0777, 0640);
	EQUAL(umask(0), 0137);
	EQUAL(write(hand[1], "g", 1), 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	CHECK(!access("jail/made", F_OK));
	return finish();
}
