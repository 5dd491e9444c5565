/*
 * A tree of COUNT processes (by default 200) with sessions, groups and zombies, each with five descriptors: three that all
 * share, a file of its own, and a pipe in which its parent has left it a word.
 */
#include "victim.h"

enum { SESSIONS = 10, ZOMBIES = 20, BOOK = 2 };
static struct { volatile int alive, verified; } *shared;
static char private_memory[PAGE * 8];
struct facts { pid_t pid, ppid, pgid, sid; };
static struct facts now_facts(void) { return (struct facts){ getpid(), getppid(), getpgid(0), getsid(0) }; }

/* Starts processes number `first` to `first + count - 1` as our children, the second half of each one's share below it. */
static void grow(int first, int count, int depth);

static void live(int number, int count, int depth, int word)
{
	char name[32], text[32];
	if (depth == 1 && number % 2) MUST(setsid());
	if (depth == 2 && number % 3 == 0) MUST(setpgid(0, 0));
	memset(private_memory + PAGE * (number % 8), number, PAGE);
	snprintf(name, sizeof name, "file-%d", number);
	int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || write(file, name, strlen(name)) < 0 || lseek(file, number % 5, SEEK_SET) < 0) _exit(1);
	struct facts mine = now_facts();
	if (count > 0) grow(number + 1, count, depth + 1);
	__sync_fetch_and_add(&shared->alive, 1);
	while (!told_to_go()) nap(20);
	struct facts now = now_facts();
	int got = read(word, text, sizeof text), good = got > 0 && !memcmp(&mine, &now, sizeof mine) && !strncmp(text, name + 5, got);
	good &= lseek(file, 0, SEEK_CUR) == number % 5 && private_memory[PAGE * (number % 8) + 7] == (char)number;
	for (int status, pid; (pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR;) good &= pid < 0 || status == 7 << 8 || status == SIGKILL;
	if (good) __sync_fetch_and_add(&shared->verified, 1);
	_exit(good ? 7 : 8);
}

static void grow(int first, int count, int depth)
{
	int branches = depth == 1 ? SESSIONS : 3;
	for (int i = 0; i < branches && count > 0; i++) {
		int share = (count + branches - i - 1) / (branches - i), word[BOOK];
		if (depth == 1 && i < ZOMBIES / 4) { /* zombies at the root, and below it */
			pid_t z = fork();
			if (z == 0) {
				if (i % 2) setpgid(0, 0);
				if (i == 2) raise(SIGKILL);
				_exit(7);
			}
		}
		if (pipe(word) < 0 || dprintf(word[1], "%d", first) < 0) _exit(2);
		pid_t pid = fork();
		if (pid < 0) _exit(3);
		if (pid == 0) {
			close(word[1]);
			if (depth == 1 && fork() == 0) _exit(7);
			for (int fd = 3; fd < 64; fd++) if (fd != word[0]) close(fd);
			live(first, share - 1, depth, word[0]);
		}
		close(word[0]);
		close(word[1]);
		first += share;
		count -= share;
	}
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 200;
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(shared == MAP_FAILED ? -1 : 0);
	grow(1, count - 1, 1);
	while (shared->alive < count - 1) nap(5);
	struct facts mine = now_facts(), now;
	told_to_go();
	say("ready");
	while (!told_to_go()) nap(20);
	now = now_facts();
	CHECK(!memcmp(&mine, &now, sizeof mine));
	int bad = 0, ended = 0;
	for (int status; waitpid(-1, &status, 0) > 0;) ended++, bad += status != 7 << 8 && status != SIGKILL;
	EQUAL(bad, 0);
	CHECK(ended > SESSIONS);
	EQUAL(shared->verified, count - 1);
	return finish();
}
