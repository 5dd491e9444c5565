// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first puppet: a static program without libc that only waits to be told what to become. It ends by itself when
 * the process that started it is gone before it was seized.
 */
__attribute__((naked, noreturn)) void _start(void)
{
	__asm__("mov $157, %eax\n\t" /* prctl(PR_SET_PDEATHSIG, SIGKILL) */
		"mov $1, %edi\n\t"
		"mov $9, %esi\n\t"
		"syscall\n"
		"1:\tmov $34, %eax\n\t" /* pause() */
		"syscall\n\t"
		"jmp 1b");
}
