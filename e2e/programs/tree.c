/* Parent, child, grandchild: sessions, process groups, orphan groups, memory after fork, exit codes, signals between them. */
#include "victim.h"
#include <sys/prctl.h>

static char *shared;
static char private_page[PAGE * 20];
static volatile int got_chld;

static void wait_go(void) { while (!told_to_go()) nap(5); }
static void on_chld(int signal) { (void)signal; got_chld++; }

struct facts { pid_t pid, ppid, pgid, sid; };
static struct facts now_facts(void) { return (struct facts){ getpid(), getppid(), getpgid(0), getsid(0) }; }
static int same_facts(struct facts a) { struct facts b = now_facts(); return !memcmp(&a, &b, sizeof a); }

static void grandchild(int which)
{
	if (which == 1) MUST(setpgid(0, 0));
	private_page[which * PAGE] = 'g';
	struct facts mine = now_facts();
	shared[which] = 1;
	wait_go();
	_exit(same_facts(mine) && private_page[which * PAGE] == 'g' && private_page[3 * PAGE] == 'p' && getppid() > 1 ? 20 + which : 99);
}

static void child(int which)
{
	pid_t kids[2];
	if (which == 1) MUST(setsid());
	if (which == 2) MUST(setpgid(0, 0));
	private_page[(5 + which) * PAGE] = 'c';
	for (int i = 0; i < 2; i++)
		if ((kids[i] = MUST(fork())) == 0) grandchild(i);
	struct facts mine = now_facts();
	while (!shared[0] || !shared[1]) nap(1);
	shared[10 + which] = 1;
	wait_go();
	int good = same_facts(mine) && private_page[(5 + which) * PAGE] == 'c' && private_page[0] == 0;
	for (int i = 0; i < 2; i++) {
		int status;
		good &= waitpid(kids[i], &status, 0) == kids[i] && status == (20 + i) << 8;
	}
	_exit(good ? 10 + which : 98);
}

int main(void)
{
	struct sigaction a = { .sa_handler = on_chld, .sa_flags = SA_RESTART };
	sigaction(SIGCHLD, &a, NULL);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(shared == MAP_FAILED ? -1 : 0);
	private_page[3 * PAGE] = 'p';
	pid_t kids[3];
	for (int i = 0; i < 3; i++)
		if ((kids[i] = MUST(fork())) == 0) child(i);
	while (!shared[10] || !shared[11] || !shared[12]) nap(1);
	private_page[3 * PAGE] = 'q'; /* copied on write: the children keep theirs */
	struct facts mine = now_facts();
	ready_and_wait();
	CHECK(same_facts(mine));
	for (int i = 0; i < 3; i++) {
		int status = -1;
		EQUAL(waitpid(kids[i], &status, 0), kids[i]);
		EQUAL(status, (10 + i) << 8);
	}
	CHECK(got_chld > 0);
	EQUAL(waitpid(-1, NULL, 0), -1);
	EQUAL(errno, ECHILD);
	return finish();
}
