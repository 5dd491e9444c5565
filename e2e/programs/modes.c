/*
 * What prctl(2) and its like have changed for a process or for one of its threads. What this kernel, CPU or privilege does
 * not offer is left as it is.
 */
#include "victim.h"
#include <asm/ldt.h>
#include <pthread.h>
#include <sys/prctl.h>

#define THP_DISABLE_EXCEPT_ADVISED 2
#define SET_MEMORY_MERGE 67
#define GET_MEMORY_MERGE 68
#define ARCH_GET_CPUID_ 0x1011
#define ARCH_SET_CPUID_ 0x1012
#define SLOT 13

struct attributes { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; };

static int huge, merge, flusher, autogroup, cpuid_faults, stores;
static long tls;
static uint64_t slice;
static struct user_desc *segment;
static volatile int set_up;

/* In the old way of 32-bit programs, which 64-bit ones can use. */
static long old_call(long number, void *argument)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(argument) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static long locked(void)
{
	char status[8192], *at;
	long kib = -1;
	if (slurp("/proc/self/status", status, sizeof status) > 0 && (at = strstr(status, "VmLck:"))) sscanf(at, "VmLck: %ld", &kib);
	return kib;
}

static int autogroup_nice(void)
{
	char text[128], *at;
	int nice = 1000;
	if (slurp("/proc/self/autogroup", text, sizeof text) > 0 && (at = strstr(text, "nice "))) nice = atoi(at + 5);
	return nice;
}

static void *odd_thread(void *unused)
{
	int mode = 0;
	struct attributes attr = { .size = 48, .runtime = 3000000 };
	(void)unused;
	MUST(syscall(SYS_sched_setattr, 0, &attr, 0));
	MUST(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
	slice = attr.runtime; /* 0 before Linux 6.12 */
	segment->entry_number = SLOT;
	segment->base_addr = 0x12345000;
	segment->limit = 0xfff;
	segment->seg_32bit = segment->useable = 1;
	tls = old_call(243, segment);
	if (prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, 0, 0, 0) & PR_SPEC_PRCTL) stores = prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_DISABLE, 0, 0) == 0;
	cpuid_faults = syscall(SYS_arch_prctl, ARCH_SET_CPUID_, 0) == 0;
	MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	set_up = 1;
	while (!told_to_go()) nap(5);
	EQUAL(prctl(PR_GET_TSC, &mode), 0);
	EQUAL(mode, PR_TSC_SIGSEGV);
	if (cpuid_faults) EQUAL(syscall(SYS_arch_prctl, ARCH_GET_CPUID_, 0), 0);
	if (stores) EQUAL(prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, 0, 0, 0), PR_SPEC_PRCTL | PR_SPEC_DISABLE);
	EQUAL(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0), 0);
	EQUAL(attr.runtime, slice);
	if (tls == 0) {
		memset(segment, 0, sizeof *segment);
		segment->entry_number = SLOT;
		EQUAL(old_call(244, segment), 0);
		CHECK(segment->base_addr == 0x12345000 && segment->limit == 0xfff && segment->seg_32bit && segment->useable && !segment->seg_not_present);
	}
	return NULL;
}

int main(void)
{
	int mode = 0;
	pthread_t thread;

	segment = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	MUST(segment == MAP_FAILED ? -1 : 0);
	memset(segment, 0, PAGE);
	/* Linux 6.18 */
	if (prctl(PR_SET_THP_DISABLE, 1, THP_DISABLE_EXCEPT_ADVISED, 0, 0) < 0) MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	huge = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	merge = prctl(SET_MEMORY_MERGE, 1, 0, 0, 0) == 0;
	if (merge) madvise(segment, PAGE, MADV_UNMERGEABLE);
	flusher = prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == 0;
	int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	autogroup = fd >= 0 && write(fd, "7", 1) == 1;
	close(fd);
	MUST(mlock(segment, PAGE));
	MUST(mlockall(MCL_FUTURE | MCL_ONFAULT));
	MUST(pthread_create(&thread, NULL, odd_thread, NULL) ? -1 : 0);
	while (!set_up) nap(1);
	ready_and_wait();

	EQUAL(pthread_join(thread, NULL), 0);
	EQUAL(prctl(PR_GET_TSC, &mode), 0);
	EQUAL(mode, PR_TSC_ENABLE);
	EQUAL(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), huge);
	if (merge) EQUAL(prctl(GET_MEMORY_MERGE, 0, 0, 0, 0), 1);
	if (flusher) EQUAL(prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0), 1);
	if (autogroup) EQUAL(autogroup_nice(), 7);
	long before = locked();
	char *more = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char in[16] = { 1 };
	EQUAL(locked() - before, 64);
	CHECK(mincore(more, 16 * PAGE, in) == 0 && !(in[0] & 1)); /* on fault only */
	return finish();
}
