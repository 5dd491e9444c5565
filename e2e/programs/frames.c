// SPDX-License-Identifier: GPL-2.0-only
// Threads with known frames, values in all sorts of registers, and marks in all sorts of memory: for cores made of images.
#include "victim.h"
#include <pthread.h>

static char mark_in_data[64] = "mark-in-data";
static volatile double sink;

__attribute__((noinline)) static void innermost(int depth)
{
	// Told by the frame.
	volatile int kept = depth * 1111;
	// The compiler must not see that it never returns.
	while (!told_to_go()) {
		pause();
		sink += kept;
	}
}

__attribute__((noinline)) static void between(int depth)
{
	if (depth % 3 == 0)
		innermost(depth);
	else
		between(depth + 1);
	sink++;
}

static void *thread(void *number)
{
	between((int)(long)number);
	return NULL;
}

int main(void)
{
	pthread_t threads[3];

	for (long i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, thread, (void *)(i * 3 + 1));
	char *heap = malloc(1 << 20);
	strcpy(heap + 123456, "mark-in-heap");
	char *shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	strcpy(shared + 65536, "mark-in-shared");
	char *untouched = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("marks %p %p %p %p", (void *)mark_in_data, (void *)(heap + 123456), (void *)(shared + 65536), (void *)untouched);
	say("ready");
	between(1);
	return finish();
}
