// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a vector of system calls in a puppet, in one ptrace stop.
 *
 * The tracer maps this code anonymously, writes the vector, sets rdi = ops, rsi = count, rsp = top of a stack,
 * rip = 0 of the blob, and continues. The puppet stops by int3 with rax = how many calls went as expected:
 * less than count means that ops[rax].result is a surprise.
 *
 * Layout is shared with packages/tracee/src/batch.ts.
 */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;

enum { EXPECT_ANYTHING, EXPECT_SUCCESS, EXPECT_EXACTLY };

struct op {
	u32 nr;
	u16 expect;
	u16 references; /* bit i: argument i is (index of an earlier op) | (addend << 32) */
	u64 args[6];
	long want;
	long result;
};
_Static_assert(sizeof(struct op) == 72, "packages/tracee/src/batch.ts counts on it");

static inline long system_call(u32 nr, const u64 *a)
{
	long result;
	register u64 r10 __asm__("r10") = a[3];
	register u64 r8 __asm__("r8") = a[4];
	register u64 r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"((u64)nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* Every error of a system call lies in the last page of the number space. */
static inline int is_error(long result)
{
	return (u64)result >= (u64)-4095;
}

__attribute__((used)) static u64 run(struct op *ops, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		struct op *op = &ops[i];
		u64 args[6];

		for (int n = 0; n < 6; n++) {
			u64 arg = op->args[n];

			if (op->references & (1 << n))
				arg = (u64)ops[(u32)arg].result + (arg >> 32);
			args[n] = arg;
		}
		op->result = system_call(op->nr, args);
		if (op->expect == EXPECT_SUCCESS ? is_error(op->result) :
		    op->expect == EXPECT_EXACTLY ? op->result != op->want : 0)
			return i;
	}
	return count;
}

__attribute__((naked, noreturn, section(".text.entry"))) void entry(void)
{
	__asm__("call run\n\tint3\n\thlt");
}
