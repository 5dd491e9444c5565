/*
 * What is on its way through unix sockets and belongs to no descriptor: descriptors in queues (SCM_RIGHTS), also those of
 * sockets that wait in a queue themselves; the senders of data (SO_PASSCRED); connections that nobody has accepted yet.
 */
#include "victim.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static void pass(int by, const char *text, const int *fds, int count)
{
	union { char room[CMSG_SPACE(8 * sizeof(int))]; struct cmsghdr align; } control = { 0 };
	struct iovec data = { (void *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(head), fds, count * sizeof(int));
	MUST(sendmsg(by, &message, 0));
}

/* Reads up to `size` bytes, which must be `text`; the number of descriptors that came with them. */
static int take(int from, const char *text, size_t size, int *fds, struct ucred *who)
{
	char got[64] = "";
	union { char room[512]; struct cmsghdr align; } control;
	struct iovec data = { got, size };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(from, &message, MSG_DONTWAIT);
	if (n != (ssize_t)strlen(text) || strcmp(got, text)) {
		say("# read %zd: '%s', not '%s'", n, got, text);
		return -1;
	}
	int count = 0;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
		if (head->cmsg_type == SCM_CREDENTIALS && who) memcpy(who, CMSG_DATA(head), sizeof *who);
		if (head->cmsg_type != SCM_RIGHTS) continue;
		count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), count * sizeof(int));
	}
	return count;
}

static int reads(int fd, const char *text)
{
	char got[64] = "";
	return read(fd, got, sizeof got - 1) == (ssize_t)strlen(text) && !strcmp(got, text);
}

static int connected(int type, const struct sockaddr_un *to, socklen_t length)
{
	int fd = MUST(socket(AF_UNIX, type, 0));
	MUST(connect(fd, (void *)to, length));
	return fd;
}

int main(void)
{
	int stream[2], packets[2], datagrams[2], outer[2], inner[2], told[2], pipe_[2], only[2], fds[8];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, outer));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, inner));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, told));
	MUST(pipe(pipe_));
	MUST(pipe(only));

	/* a descriptor that we have too; then one that only the queue has, with data in it; bytes before and after */
	MUST(send(stream[0], "before", 6, 0));
	pass(stream[0], "with", &pipe_[0], 1);
	MUST(send(stream[0], "after", 5, 0));
	MUST(write(only[1], "alone", 5));
	pass(packets[0], "one", only, 2);
	MUST(close(only[0]));
	MUST(close(only[1]));
	int file = MUST(open("/tmp", O_RDWR | O_TMPFILE, 0600));
	MUST(write(file, "removed", 7));
	pass(datagrams[0], "file", &file, 1);
	pass(datagrams[0], "again", (int[]){ file, pipe_[1] }, 2);
	MUST(close(file));

	/* a socket in a queue, which has a descriptor in its own queue; and the queue's own socket in itself */
	pass(inner[0], "deep", &pipe_[1], 1);
	pass(outer[0], "socket", &inner[1], 1);
	MUST(close(inner[1]));
	pass(outer[0], "self", &outer[1], 1);

	int on = 1;
	MUST(setsockopt(told[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	MUST(send(told[0], "mine", 4, 0));
	pid_t child = MUST(fork());
	if (child == 0) {
		if (geteuid() == 0 && (setgid(7) || setuid(8))) _exit(1);
		send(told[0], "child's", 7, 0);
		for (;;) pause();
	}
	settle(child);

	struct sockaddr_un name = { .sun_family = AF_UNIX };
	snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "rights-%d", getpid());
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name.sun_path + 1);
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(listener, (void *)&name, length));
	MUST(listen(listener, 5));
	int known = connected(SOCK_STREAM, &name, length), server = MUST(accept(listener, NULL, NULL));
	int second = connected(SOCK_STREAM, &name, length), first = second;
	second = connected(SOCK_STREAM, &name, length);
	MUST(shutdown(second, SHUT_WR));
	ready_and_wait();

	EQUAL(take(stream[1], "before", 6, fds, NULL), 0);
	EQUAL(take(stream[1], "with", 4, fds, NULL), 1);
	MUST(write(pipe_[1], "same", 4));
	CHECK(reads(fds[0], "same"));
	EQUAL(take(stream[1], "after", 63, fds, NULL), 0);
	EQUAL(take(packets[1], "one", 63, fds, NULL), 2);
	CHECK(reads(fds[0], "alone"));
	MUST(write(fds[1], "more", 4));
	CHECK(reads(fds[0], "more"));
	EQUAL(take(datagrams[1], "file", 63, fds, NULL), 1);
	EQUAL(lseek(fds[0], 0, SEEK_CUR), 7);
	EQUAL(take(datagrams[1], "again", 63, fds + 1, NULL), 2);
	EQUAL(lseek(fds[1], 0, SEEK_SET), 0);
	CHECK(reads(fds[0], "removed"));
	MUST(write(fds[2], "x", 1));
	CHECK(reads(pipe_[0], "x"));
	EQUAL(take(outer[1], "socket", 63, fds, NULL), 1);
	EQUAL(take(fds[0], "deep", 63, fds + 1, NULL), 1);
	MUST(write(fds[1], "y", 1));
	CHECK(reads(pipe_[0], "y"));
	EQUAL(take(outer[1], "self", 63, fds, NULL), 1);
	MUST(send(outer[0], "to both", 7, 0));
	EQUAL(take(fds[0], "to both", 63, fds, NULL), 0);

	struct ucred who = { 0 };
	EQUAL(take(told[1], "mine", 63, fds, &who), 0);
	EQUAL(who.pid, getpid());
	EQUAL(who.uid, getuid());
	EQUAL(take(told[1], "child's", 63, fds, &who), 0);
	EQUAL(who.pid, child);
	EQUAL(who.uid, geteuid() == 0 ? 8 : getuid());
	EQUAL(who.gid, geteuid() == 0 ? 7 : getgid());

	MUST(send(server, "old", 3, 0));
	CHECK(reads(known, "old"));
	MUST(send(first, "first", 5, 0));
	int accepted = accept(listener, NULL, NULL);
	CHECK(reads(accepted, "first"));
	accepted = accept(listener, NULL, NULL);
	CHECK(reads(accepted, ""));
	MUST(send(accepted, "back", 4, 0));
	CHECK(reads(second, "back"));
	EQUAL(kill(child, SIGKILL), 0);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	return finish();
}
