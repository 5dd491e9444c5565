/* sigaltstack(2): per thread, and dumped while a handler runs on it (also in the middle of a nested one). */
#include "victim.h"
#include <pthread.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31) /* linux/signal.h, which clashes with signal.h */
#endif

static char stacks[3][65536];
static volatile int in_handler, released, on_stack;

static void nested(int signal)
{
	(void)signal;
	char here;
	on_stack = &here >= stacks[0] && &here < stacks[0] + sizeof stacks[0];
	stack_t now;
	EQUAL(sigaltstack(NULL, &now), 0);
	EQUAL(now.ss_flags & SS_ONSTACK, SS_ONSTACK);
	in_handler = 1;
	while (!released) nap(5); /* dumped here */
	EQUAL(sigaltstack(NULL, &now), 0);
	EQUAL(now.ss_flags & SS_ONSTACK, SS_ONSTACK);
	CHECK(now.ss_sp == stacks[0]);
	EQUAL(sigaltstack(&now, NULL), -1); /* not while running on it */
	EQUAL(errno, EPERM);
}
static void first(int signal)
{
	(void)signal;
	raise(SIGUSR2);
}
static void *runner(void *arg)
{
	stack_t stack = { .ss_sp = stacks[0], .ss_size = sizeof stacks[0] };
	MUST(sigaltstack(&stack, NULL));
	long before = 0x1234567890abcdef;
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	EQUAL(before, 0x1234567890abcdef); /* sigreturn came back to where it was */
	stack_t now;
	EQUAL(sigaltstack(NULL, &now), 0);
	EQUAL(now.ss_flags, 0);
	return arg;
}

int main(void)
{
	struct sigaction a = { .sa_handler = first, .sa_flags = SA_ONSTACK };
	MUST(sigaction(SIGUSR1, &a, NULL));
	a.sa_handler = nested;
	MUST(sigaction(SIGUSR2, &a, NULL));
	stack_t stack = { .ss_sp = stacks[1], .ss_size = sizeof stacks[1], .ss_flags = (int)SS_AUTODISARM };
	MUST(sigaltstack(&stack, NULL));
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, runner, NULL) ? -1 : 0);
	while (!in_handler) nap(1);
	ready_and_wait();
	EQUAL(on_stack, 1);
	released = 1;
	EQUAL(pthread_join(thread, NULL), 0);
	stack_t now;
	EQUAL(sigaltstack(NULL, &now), 0);
	CHECK(now.ss_sp == stacks[1]);
	EQUAL(now.ss_size, sizeof stacks[1]);
	EQUAL(now.ss_flags, (int)SS_AUTODISARM);
	return finish();
}
