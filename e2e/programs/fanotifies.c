/* fanotify(7): marks of a file and of a mount, and what is ignored; what happens after the restore is told, and nothing else. */
#include "victim.h"
#include <limits.h>
#include <sys/fanotify.h>

static char path[64];

/* The next event's mask, 0 where none waits; its file must be `path`. */
static unsigned long long event(int fd)
{
	char buffer[4096], link[32], name[64] = "";
	ssize_t n = read(fd, buffer, sizeof buffer);
	if (n < (ssize_t)sizeof(struct fanotify_event_metadata)) return 0;
	struct fanotify_event_metadata *got = (void *)buffer;
	snprintf(link, sizeof link, "/proc/self/fd/%d", got->fd);
	int length = readlink(link, name, sizeof name - 1);
	close(got->fd);
	return length > 0 && !strcmp(name, path) ? got->mask : 0;
}

int main(void)
{
	snprintf(path, sizeof path, "/tmp/fanotify-victim-%d", getpid());
	int file = MUST(open(path, O_RDWR | O_CREAT, 0600));
	int fd = fanotify_init(FAN_NONBLOCK | FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE, O_RDONLY | O_LARGEFILE), mount = fanotify_init(FAN_NONBLOCK | FAN_CLOEXEC, O_RDWR);
	if (fd < 0) skip("no fanotify here");
	MUST(fanotify_mark(fd, FAN_MARK_ADD, FAN_MODIFY | FAN_CLOSE_WRITE, AT_FDCWD, path));
	MUST(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_CLOSE_WRITE, AT_FDCWD, path));
	MUST(fanotify_mark(mount, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_CLOSE_NOWRITE | FAN_ONDIR, AT_FDCWD, "/proc"));
	ready_and_wait();

	EQUAL(event(fd), 0);
	EQUAL(write(file, "x", 1), 1);
	EQUAL(event(fd), FAN_MODIFY);
	EQUAL(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	int other = open(path, O_RDWR);
	EQUAL(write(other, "y", 1), 1);
	close(other);
	EQUAL(event(fd), FAN_MODIFY);
	EQUAL(event(fd), 0);
	char buffer[4096];
	while (read(mount, buffer, sizeof buffer) > 0) ((struct fanotify_event_metadata *)buffer)->fd >= 0 ? close(((struct fanotify_event_metadata *)buffer)->fd) : 0;
	unlink(path);
	return finish();
}
