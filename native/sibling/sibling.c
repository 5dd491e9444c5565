// SPDX-License-Identifier: GPL-2.0-only
/*
 * For our own process: clone3(2) and execve(2) in one go, as posix_spawn(3) does it, but with flags and a PID of the
 * caller's choice. With CLONE_VM | CLONE_VFORK the newborn borrows our memory and stack until it executes, while the
 * calling thread waits; so nothing here may be called, only asked of the kernel.
 */
enum { SYS_EXECVE = 59, SYS_EXIT = 60, SYS_CLONE3 = 435 };

struct order {
	const void *clone_args;
	long clone_args_size;
	const char *path;
	const void *argv, *envp;
	/* Out: the PID, or a negated errno. */
	long result;
};

static inline __attribute__((always_inline)) long call(long nr, const void *a, long b, const void *c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

__attribute__((used, section(".text.entry"))) void entry(unsigned a, unsigned b, struct order *order)
{
	long pid = call(SYS_CLONE3, order->clone_args, order->clone_args_size, 0);

	(void)a;
	(void)b;
	if (pid == 0) {
		call(SYS_EXECVE, order->path, (long)order->argv, order->envp);
		for (;;) call(SYS_EXIT, (void *)127, 0, 0);
	}
	order->result = pid;
}
