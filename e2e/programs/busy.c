/*
 * A small tree that is always in the middle of something: a thread that spins, one asleep, one in a pipe, one on a futex; a
 * child with a thread of its own. Says `beat N` all the while; verifies that no call of it was ever disturbed.
 */
#include "victim.h"
#include <linux/futex.h>
#include <pthread.h>

static volatile int stop;
static volatile unsigned long spins, naps, reads, wakes;
static uint32_t word;
static int line[2];
static volatile int disturbed;

static void *spin(void *arg)
{
	while (!stop) {
		spins++;
		for (volatile int i = 0; i < 2000; i++) ;
		struct timespec t = { 0, 200000 };
		if (spins % 8 == 0 && nanosleep(&t, NULL)) disturbed = 1; /* not a whole CPU */
	}
	return arg;
}
static void *sleeper(void *arg)
{
	while (!stop) {
		struct timespec t = { 0, 3000000 };
		if (nanosleep(&t, NULL)) disturbed = 2;
		naps++;
	}
	return arg;
}
static void *reader(void *arg)
{
	char c;
	while (read(line[0], &c, 1) == 1) reads++;
	if (!stop) disturbed = 3;
	return arg;
}
static void *waiter(void *arg)
{
	while (!stop) {
		uint32_t now = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
		if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0) && errno != EAGAIN) disturbed = 4;
		wakes++;
	}
	return arg;
}

static void beat(void)
{
	if (write(line[1], "x", 1) != 1) disturbed = 5;
	__atomic_add_fetch(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static pthread_t threads[4];
static void start(int count)
{
	static void *(*const work[])(void *) = { sleeper, spin, reader, waiter };
	for (int i = 0; i < count; i++) MUST(pthread_create(&threads[i], NULL, work[i], NULL) ? -1 : 0);
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? atol(argv[1]) : 1) << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(memory == MAP_FAILED ? -1 : 0);
	fill(memory, size, 1);
	MUST(pipe(line));
	pid_t child = MUST(fork());
	start(child ? 4 : 2);
	if (child == 0) {
		while (!told_to_go()) nap(4);
		_exit(disturbed || !filled(memory, size, 1) ? 1 : 0);
	}
	nap(50);
	say("ready");
	for (unsigned n = 0; !told_to_go(); n++) {
		beat();
		if (n % 5 == 0) say("beat %u", n);
		nap(4);
	}
	unsigned long then[] = { spins, naps, reads, wakes };
	for (int i = 0; i < 6000 && (i < 20 || !(spins > then[0] && naps > then[1] && reads > then[2] && wakes > then[3])); i++) beat(), nap(4);
	CHECK(spins > then[0] && naps > then[1] && reads > then[2] && wakes > then[3]);
	EQUAL(disturbed, 0);
	CHECK(filled(memory, size, 1));
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	stop = 1;
	beat();
	close(line[1]);
	for (int i = 0; i < 4; i++) EQUAL(pthread_join(threads[i], NULL), 0);
	return finish();
}
