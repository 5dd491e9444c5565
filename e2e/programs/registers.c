/*
 * Registers: general, x87, SSE, AVX, AVX-512, MXCSR, PKRU, FS and GS bases, in threads that never leave user mode while they
 * are dumped. argv[1]: the kind.
 */
#include "victim.h"
#include <asm/prctl.h>
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>

static volatile int stop, running, bad;

/* A loop that keeps known values in all general registers that the compiler doesn't need, and compares them each turn. */
static void *general(void *arg)
{
	(void)arg;
	__sync_fetch_and_add(&running, 1);
	uint64_t turns = 0;
	while (!stop) {
		uint64_t wrong;
		__asm__ volatile(
			"mov $0x1111111111111111, %%r8\n mov $0x2222222222222222, %%r9\n mov $0x3333333333333333, %%r10\n mov $0x4444444444444444, %%r11\n"
			"mov $0x5555555555555555, %%r12\n mov $0x6666666666666666, %%r13\n mov $0x7777777777777777, %%r14\n mov $0x0888888888888888, %%r15\n"
			"mov $100000, %%ecx\n xor %%eax, %%eax\n"
			"1: mov $0x1111111111111111, %%rdx\n lea (%%rdx,%%rdx), %%rsi\n mov %%r8, %%rdi\n sub %%rdx, %%rdi\n or %%rdi, %%rax\n"
			"mov %%r9, %%rdi\n sub %%rsi, %%rdi\n or %%rdi, %%rax\n add %%rdx, %%rsi\n mov %%r10, %%rdi\n sub %%rsi, %%rdi\n or %%rdi, %%rax\n"
			"add %%rdx, %%rsi\n mov %%r11, %%rdi\n sub %%rsi, %%rdi\n or %%rdi, %%rax\n add %%rdx, %%rsi\n mov %%r12, %%rdi\n sub %%rsi, %%rdi\n or %%rdi, %%rax\n"
			"add %%rdx, %%rsi\n mov %%r13, %%rdi\n sub %%rsi, %%rdi\n or %%rdi, %%rax\n add %%rdx, %%rsi\n mov %%r14, %%rdi\n sub %%rsi, %%rdi\n or %%rdi, %%rax\n"
			"dec %%ecx\n jnz 1b\n"
			: "=a"(wrong) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc");
		bad |= wrong != 0;
		turns++;
	}
	return (void *)turns;
}

static void *x87(void *arg)
{
	(void)arg;
	unsigned short control = 0x0e7f, now; /* round towards zero... double precision: not the default */
	__asm__ volatile("fldcw %0" : : "m"(control));
	__asm__ volatile("fldpi\n fldl2e\n fld1\n" : : : "st");
	__sync_fetch_and_add(&running, 1);
	while (!stop) ;
	long double a, b, c, pi, l2e;
	__asm__ volatile("fstpt %0\n fstpt %1\n fstpt %2\n" : "=m"(a), "=m"(b), "=m"(c));
	__asm__ volatile("fldpi\n fstpt %0\n fldl2e\n fstpt %1\n" : "=m"(pi), "=m"(l2e));
	__asm__ volatile("fnstcw %0" : "=m"(now));
	CHECK(a == 1 && b == l2e && c == pi);
	EQUAL(now, control);
	return (void *)1;
}

#define SPIN "1: cmpl $0, %[stop]\n je 1b\n"
static void *sse(void *arg)
{
	uint32_t in[16][4], out[16][4], csr = 0x7f80 | 0x40, csr_now; /* round to zero, denormals are zero */
	for (int i = 0; i < 64; i++) in[i / 4][i % 4] = 0x01000193 * (i + 7 + (long)arg);
	__asm__ volatile("ldmxcsr %0" : : "m"(csr));
	__sync_fetch_and_add(&running, 1);
	__asm__ volatile(
#define LD(n) "movdqu " #n "*16(%[in]), %%xmm" #n "\n"
#define ST(n) "movdqu %%xmm" #n ", " #n "*16(%[out])\n"
		LD(0) LD(1) LD(2) LD(3) LD(4) LD(5) LD(6) LD(7) LD(8) LD(9) LD(10) LD(11) LD(12) LD(13) LD(14) LD(15) SPIN
		ST(0) ST(1) ST(2) ST(3) ST(4) ST(5) ST(6) ST(7) ST(8) ST(9) ST(10) ST(11) ST(12) ST(13) ST(14) ST(15)
		: : [in] "r"(in), [out] "r"(out), [stop] "m"(stop)
		: "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	__asm__ volatile("stmxcsr %0" : "=m"(csr_now));
	EQUAL(memcmp(in, out, sizeof in), 0);
	EQUAL(csr_now & 0xffc0, csr & 0xffc0);
	return (void *)1;
}

__attribute__((target("avx"))) static void *avx(void *arg)
{
	uint32_t in[16][8], out[16][8];
	for (int i = 0; i < 128; i++) in[i / 8][i % 8] = 0x01000193 * (i + 11 + (long)arg);
	__sync_fetch_and_add(&running, 1);
	__asm__ volatile(
#define LDY(n) "vmovdqu " #n "*32(%[in]), %%ymm" #n "\n"
#define STY(n) "vmovdqu %%ymm" #n ", " #n "*32(%[out])\n"
		LDY(0) LDY(1) LDY(2) LDY(3) LDY(4) LDY(5) LDY(6) LDY(7) LDY(8) LDY(9) LDY(10) LDY(11) LDY(12) LDY(13) LDY(14) LDY(15) SPIN
		STY(0) STY(1) STY(2) STY(3) STY(4) STY(5) STY(6) STY(7) STY(8) STY(9) STY(10) STY(11) STY(12) STY(13) STY(14) STY(15)
		: : [in] "r"(in), [out] "r"(out), [stop] "m"(stop)
		: "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	EQUAL(memcmp(in, out, sizeof in), 0);
	return (void *)1;
}

__attribute__((target("avx512f,avx512bw"))) static void *avx512(void *arg)
{
	uint32_t in[32][16], out[32][16];
	uint64_t masks[8], masks_out[8];
	for (int i = 0; i < 512; i++) in[i / 16][i % 16] = 0x01000193 * (i + 13 + (long)arg);
	for (int i = 0; i < 8; i++) masks[i] = 0x9e3779b97f4a7c15ULL * (i + 1);
	__sync_fetch_and_add(&running, 1);
	__asm__ volatile(
#define LDZ(n) "vmovdqu32 " #n "*64(%[in]), %%zmm" #n "\n"
#define STZ(n) "vmovdqu32 %%zmm" #n ", " #n "*64(%[out])\n"
#define LDK(n) "kmovq " #n "*8(%[masks]), %%k" #n "\n"
#define STK(n) "kmovq %%k" #n ", " #n "*8(%[masks_out])\n"
		LDZ(0) LDZ(1) LDZ(2) LDZ(3) LDZ(4) LDZ(5) LDZ(6) LDZ(7) LDZ(8) LDZ(9) LDZ(10) LDZ(11) LDZ(12) LDZ(13) LDZ(14) LDZ(15)
		LDZ(16) LDZ(17) LDZ(18) LDZ(19) LDZ(20) LDZ(21) LDZ(22) LDZ(23) LDZ(24) LDZ(25) LDZ(26) LDZ(27) LDZ(28) LDZ(29) LDZ(30) LDZ(31)
		LDK(0) LDK(1) LDK(2) LDK(3) LDK(4) LDK(5) LDK(6) LDK(7) SPIN
		STZ(0) STZ(1) STZ(2) STZ(3) STZ(4) STZ(5) STZ(6) STZ(7) STZ(8) STZ(9) STZ(10) STZ(11) STZ(12) STZ(13) STZ(14) STZ(15)
		STZ(16) STZ(17) STZ(18) STZ(19) STZ(20) STZ(21) STZ(22) STZ(23) STZ(24) STZ(25) STZ(26) STZ(27) STZ(28) STZ(29) STZ(30) STZ(31)
		STK(0) STK(1) STK(2) STK(3) STK(4) STK(5) STK(6) STK(7)
		: : [in] "r"(in), [out] "r"(out), [masks] "r"(masks), [masks_out] "r"(masks_out), [stop] "m"(stop)
		: "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	EQUAL(memcmp(in, out, sizeof in), 0);
	EQUAL(memcmp(masks, masks_out, sizeof masks), 0);
	return (void *)1;
}

static void *bases(void *arg)
{
	static uint64_t behind_gs = 0x6767676767676767;
	MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, &behind_gs));
	unsigned long fs, gs, fs_now;
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
	__sync_fetch_and_add(&running, 1);
	while (!stop) nap(2);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_now);
	syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
	EQUAL(fs_now, fs);
	CHECK(gs == (unsigned long)&behind_gs);
	uint64_t seen;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
	CHECK(seen == behind_gs);
	return arg ? arg : (void *)1;
}

static uint32_t rdpkru(void)
{
	uint32_t low, high;
	__asm__ volatile("rdpkru" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}
static void *pkru(void *arg)
{
	int key = pkey_alloc(0, 0);
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(pkey_mprotect(at, PAGE, PROT_READ | PROT_WRITE, key));
	MUST(pkey_set(key, PKEY_DISABLE_WRITE));
	uint32_t before = rdpkru();
	__sync_fetch_and_add(&running, 1);
	while (!stop) ;
	EQUAL(rdpkru(), before);
	EQUAL(pkey_get(key), PKEY_DISABLE_WRITE);
	return arg ? arg : (void *)1;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void *(*run)(void *); } kinds[] = {
		{ "general", general }, { "x87", x87 }, { "sse", sse }, { "avx", avx }, { "avx512", avx512 }, { "bases", bases }, { "pkru", pkru },
	};
	const char *kind = argc > 1 ? argv[1] : "general";
	unsigned a, b = 0, c = 0, d;
	__get_cpuid_count(7, 0, &a, &b, &c, &d);
	if (!strcmp(kind, "pkru") && !(c & 1U << 4)) skip("this CPU or kernel has no protection keys");
	if (!strcmp(kind, "avx512") && (b & (1U << 16 | 1U << 30)) != (1U << 16 | 1U << 30)) skip("this CPU has no AVX-512");
	void *(*run)(void *) = NULL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].name, kind)) run = kinds[i].run;
	if (!run) return 2;
	pthread_t thread[2];
	for (long i = 0; i < 2; i++) MUST(pthread_create(&thread[i], NULL, run, (void *)i) ? -1 : 0);
	while (running < 2) nap(1);
	nap(20);
	ready_and_wait();
	stop = 1;
	for (int i = 0; i < 2; i++) {
		void *turns;
		EQUAL(pthread_join(thread[i], &turns), 0);
		CHECK((long)turns > 0);
	}
	EQUAL(bad, 0);
	return finish();
}
