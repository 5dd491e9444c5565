/* Children that have ended and were not waited for: by exit(2), by signals, leaders of groups and sessions, of another user. */
#include "victim.h"

static pid_t zombie(int how, int leads, uid_t uid)
{
	pid_t pid = MUST(fork());
	if (pid == 0) {
		if (leads == 1) setpgid(0, 0);
		if (leads == 2) setsid();
		if (uid && setuid(uid) < 0) _exit(77);
		if (how >= 0) _exit(how);
		struct sigaction dfl = { .sa_handler = SIG_DFL };
		sigaction(-how, &dfl, NULL);
		raise(-how);
		_exit(78);
	}
	siginfo_t info;
	MUST(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	return pid;
}

static volatile sig_atomic_t children_heard;
static void on_child(int signal) { (void)signal; children_heard++; }

/* Somebody's zombie, whose parent lives on. */
static void parent(int *pipe_end)
{
	pid_t z = zombie(9, 0, 0);
	MUST(write(*pipe_end, &z, sizeof z));
	while (!told_to_go()) nap(5);
	int status;
	_exit(waitpid(z, &status, 0) == z && status == 9 << 8 ? 30 : 31);
}

int main(void)
{
	int ends[2];
	pid_t grandchild;
	MUST(pipe(ends));
	struct { int how, leads; uid_t uid; int status; pid_t pid; } z[] = {
		{ 0, 0, 0, 0, 0 }, { 255, 0, 0, 255 << 8, 0 }, { 3, 1, 0, 3 << 8, 0 }, { 4, 2, 0, 4 << 8, 0 }, { 5, 0, 1234, 5 << 8, 0 },
		{ -SIGKILL, 0, 0, SIGKILL, 0 }, { -SIGTERM, 1, 0, SIGTERM, 0 }, { -SIGPIPE, 0, 0, SIGPIPE, 0 }, { -SIGRTMIN, 0, 0, SIGRTMIN, 0 },
	};
	const int count = sizeof z / sizeof *z;
	for (int i = 0; i < count; i++) z[i].pid = zombie(z[i].how, z[i].leads, z[i].uid);
	pid_t other = MUST(fork());
	if (other == 0) parent(&ends[1]);
	MUST(read(ends[0], &grandchild, sizeof grandchild));
	struct sigaction act = { .sa_handler = on_child };
	sigaction(SIGCHLD, &act, NULL);
	ready_and_wait();
	CHECK(children_heard <= 1); /* other, who ends now */
	for (int i = 0; i < count; i++) {
		siginfo_t info;
		int status = -1;
		EQUAL(waitid(P_PID, z[i].pid, &info, WEXITED | WNOWAIT | WNOHANG), 0);
		EQUAL(info.si_pid, z[i].pid);
		EQUAL(info.si_uid, z[i].uid);
		EQUAL(waitpid(z[i].pid, &status, 0), z[i].pid);
		EQUAL(status, z[i].status);
	}
	int status = -1;
	EQUAL(waitpid(other, &status, 0), other);
	EQUAL(status, 30 << 8);
	CHECK(children_heard == 1);
	EQUAL(waitpid(-1, NULL, 0), -1);
	return finish();
}
