// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal handler for our own process: takes note of the end of tracees while the tracer's thread is blocked in a
 * system call. The timer that raises the signal carries the address of the list: a count, then ids of threads.
 *
 * At 0 lies the restorer that the kernel wants (rt_sigreturn), at 16 the handler.
 */
enum { SYS_WAITID = 247, P_PID = 1, WNOHANG = 1, WEXITED = 4, WNOWAIT = 0x1000000, WALL = 0x40000000, CLD_DUMPED = 3 };

struct info {
	int signo, error, code, pad, timer, overrun;
	const int *list;
	char rest[96];
};

static inline long waitid(long tid, struct info *info, long how)
{
	long result;
	register long options __asm__("r10") = how;
	register long usage __asm__("r8") = 0;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"((long)SYS_WAITID), "D"((long)P_PID), "S"(tid), "d"(info), "r"(options), "r"(usage)
			 : "rcx", "r11", "memory");
	return result;
}

__attribute__((used)) static void handler(int signo, const struct info *timer)
{
	const int *list = timer->list;
	struct info ended;

	(void)signo;
	for (long i = 1; i <= list[0]; i++) {
		/* A tracee's stop is reported whatever one asks for, and would be used up: so look first. */
		ended.signo = ended.code = 0;
		if (waitid(list[i], &ended, WEXITED | WNOHANG | WNOWAIT | WALL) == 0 && ended.signo != 0 && ended.code <= CLD_DUMPED)
			waitid(list[i], 0, WEXITED | WNOHANG | WALL);
	}
}

__attribute__((naked, section(".text.entry"))) void entry(void)
{
	__asm__("mov $15, %eax\n\tsyscall\n\t.balign 16\n\tjmp handler");
}
