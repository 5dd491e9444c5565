/* Children in a group-stop: by which signal, whether their parent knows of it, with handlers and threads; SIGCONT makes them go on. */
#include "victim.h"
#include <pthread.h>

enum { PLAIN, THREADS, KNOWN };

static volatile sig_atomic_t conts, stops;
static void on_cont(int signal) { (void)signal; conts++; }
static void on_stop(int signal) { (void)signal; stops++; }
static volatile long turns;
static void *spin(void *arg) { for (;;) { turns++; nap(1); } return arg; }

static pid_t stopped(int signal, int how)
{
	pid_t pid = MUST(fork());
	if (pid == 0) {
		pthread_t thread;
		setpgid(0, 0);
		struct sigaction act = { .sa_handler = on_cont };
		sigaction(SIGCONT, &act, NULL);
		if (how == THREADS) for (int i = 0; i < 3; i++) pthread_create(&thread, NULL, spin, NULL);
		raise(signal);
		long before = turns;
		while (how == THREADS && turns == before) nap(1);
		_exit(conts == 1 && stops == 0 ? 10 : 99);
	}
	siginfo_t info;
	MUST(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
	if (how == KNOWN) MUST(waitpid(pid, NULL, WUNTRACED));
	return pid;
}

/* Stopped by SIGSTOP, it catches one stop signal and blocks another: what stops it again must not come to its handler. */
static pid_t stopped_with_handler(void)
{
	pid_t pid = MUST(fork());
	if (pid == 0) {
		setpgid(0, 0);
		struct sigaction cont = { .sa_handler = on_cont }, stop = { .sa_handler = on_stop };
		sigaction(SIGCONT, &cont, NULL);
		sigaction(SIGTSTP, &stop, NULL);
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGTTIN);
		sigprocmask(SIG_BLOCK, &set, NULL);
		kill(getpid(), SIGSTOP);
		_exit(conts == 1 && stops == 0 ? 10 : 99);
	}
	siginfo_t info;
	MUST(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
	return pid;
}

static volatile sig_atomic_t heard;
static void on_child(int signal) { (void)signal; heard++; }

int main(void)
{
	struct { int signal, how; pid_t pid; } s[] = {
		{ SIGSTOP, PLAIN, 0 }, { SIGTSTP, PLAIN, 0 }, { SIGTTIN, PLAIN, 0 }, { SIGTTOU, PLAIN, 0 },
		{ SIGSTOP, KNOWN, 0 }, { SIGTSTP, KNOWN, 0 }, { SIGTSTP, THREADS, 0 },
	};
	const int count = sizeof s / sizeof *s;
	for (int i = 0; i < count; i++) s[i].pid = stopped(s[i].signal, s[i].how);
	pid_t handled = stopped_with_handler();
	struct sigaction act = { .sa_handler = on_child };
	sigaction(SIGCHLD, &act, NULL);
	ready_and_wait();
	EQUAL(heard, 0);
	for (int i = 0; i < count; i++) {
		int status = -1;
		pid_t told = waitpid(s[i].pid, &status, WUNTRACED | WNOHANG);
		EQUAL(told, s[i].how == KNOWN ? 0 : s[i].pid);
		if (s[i].how != KNOWN) CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == s[i].signal);
		EQUAL(waitpid(s[i].pid, &status, WUNTRACED | WNOHANG), 0);
	}
	int status = -1;
	EQUAL(waitpid(handled, &status, WUNTRACED | WNOHANG), handled);
	for (int i = 0; i <= count; i++) {
		pid_t pid = i < count ? s[i].pid : handled;
		kill(pid, SIGCONT);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR) ;
		EQUAL(status, 10 << 8);
	}
	return finish();
}
