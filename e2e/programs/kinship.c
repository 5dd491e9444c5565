/*
 * Sessions and groups as only a history can make them: leaders that are gone, orphans under a subreaper in sessions that
 * are not their parent's, groups whose leader has left, children older than their parent's session.
 */
#include "victim.h"
#include <sys/prctl.h>

enum { MAX = 16 };
struct facts { pid_t pid, ppid, pgid, sid; int subreaper; };
static struct { struct facts at[MAX]; volatile int set, good[MAX]; } *shared;

static struct facts now_facts(void)
{
	struct facts f = { getpid(), getppid(), getpgid(0), getsid(0), 0 };
	prctl(PR_GET_CHILD_SUBREAPER, &f.subreaper);
	return f;
}

/* Waits for the end of whoever must be gone first, says what it is, and compares later. */
static void stay(int which, pid_t orphaned_from)
{
	while (orphaned_from && getppid() == orphaned_from) nap(1);
	shared->at[which] = now_facts();
	__sync_fetch_and_add(&shared->set, 1);
	while (!told_to_go()) nap(5);
	struct facts now = now_facts();
	shared->good[which] = !memcmp(&now, &shared->at[which], sizeof now);
	__sync_fetch_and_sub(&shared->set, 1);
	while (shared->set > 0) nap(1); /* whoever ends makes orphans */
	_exit(0);
}

static pid_t child(void) { return MUST(fork()); }

int main(void)
{
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	int all = 0;
	pid_t self;

	/* 0, 1: a session whose leader is gone, with a group of its own in it; two orphans of it */
	if (child() == 0) {
		self = setsid();
		if (child() == 0) stay(0, self);
		if (child() == 0) { setpgid(0, 0); stay(1, self); }
		_exit(0);
	}
	all += 2;
	/* 2, 3: a group whose leader is gone */
	if ((self = child()) == 0) {
		setpgid(0, 0);
		self = getpid();
		if (child() == 0) stay(2, self);
		if (child() == 0) stay(3, self);
		_exit(0);
	}
	all += 2;
	/* 4, 5: a leader deep in the tree; an orphan of its session is the root's child. 6: its session's other member. */
	if (child() == 0) {
		if (child() == 0) {
			setsid();
			pid_t middle = child();
			if (middle == 0) {
				self = getpid();
				if (child() == 0) stay(5, self);
				_exit(0);
			}
			waitpid(middle, NULL, 0);
			if (child() == 0) stay(6, 0);
			stay(4, 0);
		}
		stay(7, 0);
	}
	all += 4;
	/* 8, 9: a child that is older than its parent's session, and a grandchild older than two */
	if (child() == 0) {
		if (child() == 0) {
			if (child() == 0) stay(8, 0);
			setsid();
			stay(9, 0);
		}
		while (shared->set < all + 2) nap(1);
		setsid();
		stay(10, 0);
	}
	all += 3;
	/* 11, 12: a group that its leader has left for another group */
	if ((self = child()) == 0) {
		setpgid(0, 0);
		self = getpid();
		if (child() == 0) stay(12, 0);
		while (shared->set < all + 1) nap(1);
		setpgid(0, getppid());
		stay(11, 0);
	}
	all += 2;
	/* 13: a child of a second subreaper, from a session that is gone; 14: the same session, under the first */
	if (child() == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (child() == 0) {
			self = setsid();
			if (child() == 0) stay(13, self);
			_exit(0);
		}
		stay(14, 0);
	}
	all += 2;
	while (shared->set < all) {
		nap(1);
		while (waitpid(-1, NULL, WNOHANG) > 0) ;
	}
	while (waitpid(-1, NULL, WNOHANG) > 0) ;
	struct facts mine = now_facts(), now;
	CHECK(shared->at[0].sid != mine.sid && shared->at[0].ppid == getpid() && kill(shared->at[0].sid, 0) < 0);
	CHECK(shared->at[1].pgid == shared->at[1].pid && shared->at[1].sid == shared->at[0].sid);
	CHECK(shared->at[2].pgid != shared->at[2].pid && kill(shared->at[2].pgid, 0) < 0 && shared->at[3].pgid == shared->at[2].pgid);
	CHECK(shared->at[5].ppid == getpid() && shared->at[5].sid == shared->at[4].pid);
	CHECK(shared->at[8].sid == mine.sid && shared->at[9].sid == shared->at[9].pid && shared->at[10].sid == shared->at[10].pid);
	CHECK(shared->at[12].pgid == shared->at[11].pid && shared->at[11].pgid == mine.pgid);
	CHECK(shared->at[13].ppid == shared->at[14].pid && shared->at[13].sid != mine.sid);
	ready_and_wait();
	now = now_facts();
	CHECK(!memcmp(&now, &mine, sizeof now));
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) ;
	for (int i = 0; i < all; i++) EQUAL(shared->good[i] * 100 + i, 100 + i);
	return finish();
}
