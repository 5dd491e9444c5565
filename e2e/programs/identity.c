/* Names and prctl(2): comm per thread, rewritten argv and environment, auxv, exe, PR_SET_*, personality(2). */
#include "victim.h"
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>

extern char **environ;
static volatile int stage;

static void *named(void *arg)
{
	prctl(PR_SET_NAME, "\xc3\xa4 (odd) name");
	stage = 1;
	while (stage == 1) nap(5);
	char name[16];
	prctl(PR_GET_NAME, name);
	CHECK(!strcmp(name, "\xc3\xa4 (odd) name"));
	return arg;
}

int main(int argc, char **argv)
{
	char *go = getenv("E2E_GO");
	setenv("E2E_GO", strdup(go), 1);
	told_to_go();
	/* as setproctitle(3): the title overwrites argv and flows into the environment */
	char *begin = argv[0], *end = argv[argc - 1] + strlen(argv[argc - 1]);
	size_t room = end - begin;
	memset(begin, 0, room);
	snprintf(begin, room, "a new title");
	MUST(personality(ADDR_NO_RANDOMIZE | SHORT_INODE));
	MUST(prctl(PR_SET_NAME, "main name"));
	int dumpable0 = prctl(PR_SET_DUMPABLE, 0) == 0;
	int thp = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	/* of a child: the root's parent is whoever restores, and may well be gone */
	pid_t child = MUST(fork());
	if (child == 0) {
		MUST(prctl(PR_SET_PDEATHSIG, SIGUSR2));
		while (!told_to_go()) nap(5);
		int signal = 0, subreaper = 1;
		prctl(PR_GET_PDEATHSIG, &signal);
		prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
		_exit(signal == SIGUSR2 && subreaper == 0 ? 0 : 1);
	}
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	int mce = prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0;
	char exe[512], now_exe[512], cmdline[512], cmdline_now[512], environment[8192], environment_now[8192];
	ssize_t n = MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
	exe[n] = 0;
	unsigned long hwcap = getauxval(AT_HWCAP), entry = getauxval(AT_ENTRY), random = getauxval(AT_RANDOM);
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, named, NULL) ? -1 : 0);
	while (!stage) nap(1);
	int cmd_length = slurp("/proc/self/cmdline", cmdline, sizeof cmdline), env_length = slurp("/proc/self/environ", environment, sizeof environment);
	settle(child);
	ready_and_wait();

	n = readlink("/proc/self/exe", now_exe, sizeof now_exe - 1);
	now_exe[n < 0 ? 0 : n] = 0;
	CHECK(!strcmp(exe, now_exe));
	EQUAL(slurp("/proc/self/cmdline", cmdline_now, sizeof cmdline_now), cmd_length);
	EQUAL(memcmp(cmdline, cmdline_now, cmd_length), 0);
	EQUAL(slurp("/proc/self/environ", environment_now, sizeof environment_now), env_length);
	EQUAL(memcmp(environment, environment_now, env_length > 0 ? env_length : 0), 0);
	EQUAL(personality(0xffffffff), ADDR_NO_RANDOMIZE | SHORT_INODE);
	char name[16];
	prctl(PR_GET_NAME, name);
	CHECK(!strcmp(name, "main name"));
	if (dumpable0) EQUAL(prctl(PR_GET_DUMPABLE), 0);
	if (thp) EQUAL(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	int value = -1;
	EQUAL(prctl(PR_GET_CHILD_SUBREAPER, &value), 0);
	EQUAL(value, 1);
	EQUAL(waitpid(child, &value, 0), child);
	EQUAL(value, 0);
	EQUAL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	if (mce) EQUAL(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
	CHECK(getauxval(AT_HWCAP) == hwcap && getauxval(AT_ENTRY) == entry && getauxval(AT_RANDOM) == random);
	stage = 2;
	pthread_join(thread, NULL);
	return finish();
}
