/* pipe(2): data within, sizes, flags; both ends in one process, across fork, one end closed; and a reader asleep in it. */
#include "victim.h"
#include <sys/ioctl.h>

int main(void)
{
	int both[2], big[2], none[2], across[2], back[2], orphan[2], tail[2], full[2];
	MUST(pipe2(both, O_NONBLOCK | O_CLOEXEC));
	MUST(write(both[1], "in the pipe", 11));
	MUST(pipe(big));
	MUST(fcntl(big[0], F_SETPIPE_SZ, 1 << 20));
	char *text = malloc(1 << 20), *got = malloc(1 << 20);
	fill(text, 1 << 20, 1);
	MUST(write(big[1], text, 500000));
	MUST(pipe2(none, O_NONBLOCK));
	MUST(pipe(across));
	MUST(pipe(back));
	MUST(pipe(orphan));
	MUST(write(orphan[1], "left", 4));
	MUST(close(orphan[1])); /* no writer any more: data, then the end */
	MUST(pipe(tail));
	MUST(close(tail[0])); /* no reader: EPIPE */
	MUST(pipe2(full, O_NONBLOCK));
	while (write(full[1], text, PAGE) > 0) ;
	int twin = MUST(dup(both[0]));
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", both[1]);
	int reopened = MUST(open(path, O_WRONLY | O_NONBLOCK)); /* another struct file on the same pipe */
	pid_t child = MUST(fork());
	if (child == 0) {
		MUST(close(across[1]));
		MUST(close(back[0]));
		for (int i = 0; i < 2; i++) close(big[i]), close(none[i]);
		char line[64];
		ssize_t n;
		while ((n = read(across[0], line, sizeof line)) > 0) /* asleep here through dump and restore */
			if (write(back[1], line, n) != n) _exit(2);
		_exit(n == 0 ? 0 : 1);
	}
	MUST(close(across[0]));
	MUST(close(back[1]));
	settle(child);
	ready_and_wait();

	char line[64];
	EQUAL(write(both[1], "!", 1), 1);
	EQUAL(read(twin, line, sizeof line), 12);
	CHECK(!memcmp(line, "in the pipe!", 12));
	EQUAL(read(both[0], line, 1), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(fcntl(both[0], F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(twin, F_GETFD), 0);
	EQUAL(write(reopened, "again", 5), 5);
	EQUAL(read(both[0], line, sizeof line), 5);
	EQUAL(fcntl(big[0], F_GETPIPE_SZ), 1 << 20);
	EQUAL(fcntl(both[0], F_GETPIPE_SZ), 65536);
	EQUAL(fcntl(big[0], F_GETFL) & O_NONBLOCK, 0);
	int held = 0;
	EQUAL(ioctl(big[0], FIONREAD, &held), 0);
	EQUAL(held, 500000);
	ssize_t sum = 0;
	while (sum < 500000) {
		ssize_t n = read(big[0], got + sum, 500000 - sum);
		if (n <= 0) break;
		sum += n;
	}
	EQUAL(sum, 500000);
	CHECK(!memcmp(got, text, 500000));
	EQUAL(read(none[0], line, 1), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(write(across[1], "ping", 4), 4);
	EQUAL(read(back[0], line, sizeof line), 4);
	CHECK(!memcmp(line, "ping", 4));
	EQUAL(read(orphan[0], line, sizeof line), 4);
	EQUAL(read(orphan[0], line, sizeof line), 0);
	signal(SIGPIPE, SIG_IGN);
	EQUAL(write(tail[1], "x", 1), -1);
	EQUAL(errno, EPIPE);
	EQUAL(write(full[1], text, PAGE), -1);
	EQUAL(errno, EAGAIN);
	EQUAL(ioctl(full[0], FIONREAD, &held), 0);
	EQUAL(held, 65536);
	EQUAL(close(across[1]), 0);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	return finish();
}
