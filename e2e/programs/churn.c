/*
 * Never the same for a moment. argv[1]: `threads` creates and joins threads all the while · `forks` forks children that fork and
 * exit (nobody waits for them: SA_NOCLDWAIT) · `spawns` starts programs by posix_spawn, a vfork each, and waits for them · `maps` maps and unmaps · `signals` is signalled all the while by a child.
 */
#include "victim.h"
#include <pthread.h>
#include <spawn.h>

static volatile int stop;
static volatile unsigned long turns, handled;

static void on_signal(int signal) { (void)signal; handled++; }
static void *brief(void *arg) { turns++; return arg; }
static void *spawner(void *arg)
{
	while (!stop) {
		pthread_t kids[3];
		for (int i = 0; i < 3; i++)
			if (pthread_create(&kids[i], NULL, brief, NULL)) say("not ok - a thread could not be made"), victim_failures++, kids[i] = 0;
		for (int i = 0; i < 3; i++) if (kids[i]) pthread_join(kids[i], NULL);
		nap(1);
	}
	return arg;
}
static void *forker(void *arg)
{
	while (!stop) {
		pid_t kid = fork();
		if (kid < 0) say("not ok - fork: %s", strerror(errno)), victim_failures++;
		if (kid == 0) {
			if (fork() == 0) nap(2);
			_exit(0);
		}
		turns++;
		nap(2);
	}
	return arg;
}
static void *starter(void *arg)
{
	char *command[] = { "true", NULL };
	while (!stop) {
		pid_t kid;
		int status = -1, error = posix_spawnp(&kid, "true", NULL, NULL, command, environ);
		if (error) say("not ok - posix_spawn: %s", strerror(error)), victim_failures++;
		else if (waitpid(kid, &status, 0) != kid || status) say("not ok - its end: %#x", status), victim_failures++;
		turns++;
	}
	return arg;
}
static void *mapper(void *arg)
{
	for (uint64_t mine = 1; !stop; mine++) {
		char *at = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		fill(at, 64 * PAGE, mine);
		mprotect(at + 8 * PAGE, 8 * PAGE, PROT_READ);
		if (!filled(at, 64 * PAGE, mine)) say("not ok - memory changed"), victim_failures++;
		munmap(at, 64 * PAGE);
		turns++;
		if (turns % 64 == 0) nap(1);
	}
	return arg;
}
static void *signalled(void *arg)
{
	volatile double sum = 0;
	while (!stop) { /* never asleep: interrupted in user mode, its registers in a signal frame */
		for (int i = 1; i < 1000; i++) sum = sum + 1.0 / i;
		turns++;
		if (turns % 256 == 0) nap(1);
	}
	return arg;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "threads";
	struct sigaction nobody = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT }, a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &a, NULL);
	void *(*run)(void *) = !strcmp(kind, "threads") ? spawner : !strcmp(kind, "maps") ? mapper : !strcmp(kind, "signals") ? signalled : !strcmp(kind, "spawns") ? starter : forker;
	if (run == forker) sigaction(SIGCHLD, &nobody, NULL);
	pid_t me = getpid(), sender = -1;
	pthread_t thread[2];
	for (int i = 0; i < 2; i++) MUST(pthread_create(&thread[i], NULL, run, NULL) ? -1 : 0);
	if (run == signalled && (sender = MUST(fork())) == 0) {
		while (!told_to_go()) {
			kill(me, SIGUSR1);
			nap(1);
		}
		_exit(0);
	}
	while (turns < 50) nap(1);
	ready_and_wait();
	unsigned long then = turns, then_handled = handled;
	nap(100);
	AWAIT(turns > then);
	CHECK(turns > then);
	if (run == signalled) CHECK(handled >= then_handled);
	stop = 1;
	for (int i = 0; i < 2; i++) EQUAL(pthread_join(thread[i], NULL), 0);
	if (sender > 0) EQUAL(waitpid(sender, NULL, 0), sender);
	return finish();
}
