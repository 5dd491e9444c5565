/*
 * SO_PEERCRED: who made a pair, who listened, who connected; by several processes, users and groups. Dumped and restored the
 * sockets tell the same.
 */
#include "victim.h"
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { PAIR, OTHERS_PAIR, DATAGRAMS, CLIENT, SERVER, NAMED_CLIENT, NAMED_SERVER, LISTENER, OWN_LISTENER, DEAD_PAIR, COUNT };
static int fds[COUNT];
static struct ucred before[COUNT];
static gid_t groups[COUNT][8];
static socklen_t sizes[COUNT];

static int look(int which, struct ucred *who, gid_t *list, socklen_t *size)
{
	socklen_t length = sizeof *who;
	*size = 8 * sizeof *list;
	if (getsockopt(fds[which], SOL_SOCKET, SO_PEERGROUPS, list, size)) *size = 0;
	return getsockopt(fds[which], SOL_SOCKET, SO_PEERCRED, who, &length);
}

static void be(uid_t user, gid_t group)
{
	gid_t list[] = { group, group + 1, group + 2 };
	MUST(setgroups(3, list));
	MUST(setresgid(group, group, group));
	MUST(setresuid(user, user, user));
}

/* The user's part: its own pair, and a client; both go to us through a pair of ours. */
static void send_fd(int over, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec one = { "x", 1 };
	struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof fd);
	MUST(sendmsg(over, &message, 0));
}
static int receive_fd(int over)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec one = { &byte, 1 };
	struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	int fd;
	MUST(recvmsg(over, &message, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

static int listening(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	strcpy(name.sun_path, path);
	MUST(bind(fd, (void *)&name, sizeof name));
	MUST(listen(fd, 5));
	return fd;
}
static int connected(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	strcpy(name.sun_path, path);
	MUST(connect(fd, (void *)&name, sizeof name));
	return fd;
}

int main(void)
{
	int pair[2], over[2], pipe_like[2];
	char word[8];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, over));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pipe_like));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	fds[PAIR] = pair[0];
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	fds[DATAGRAMS] = pair[1];
	fds[OWN_LISTENER] = listening("own");
	MUST(chmod("own", 0777));
	MUST(chmod(".", 0777));
	pid_t user = MUST(fork());
	if (user == 0) {
		be(4321, 5432);
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		send_fd(over[1], pair[0]);
		close(pair[0]);
		int client = connected("own"), users = listening("users");
		send_fd(over[1], client);
		send_fd(over[1], users);
		while (!told_to_go()) nap(5);
		while (read(pair[1], word, sizeof word) > 0) ;
		_exit(0);
	}
	/* Made by one who has ended. */
	pid_t dead = MUST(fork());
	if (dead == 0) {
		be(1234, 2345);
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		send_fd(pipe_like[1], pair[0]);
		_exit(0);
	}
	MUST(waitpid(dead, NULL, 0));
	fds[DEAD_PAIR] = receive_fd(pipe_like[0]);
	fds[OTHERS_PAIR] = receive_fd(over[0]);
	fds[CLIENT] = receive_fd(over[0]);
	fds[SERVER] = MUST(accept(fds[OWN_LISTENER], NULL, NULL));
	fds[LISTENER] = receive_fd(over[0]);
	fds[NAMED_CLIENT] = connected("users");
	fds[NAMED_SERVER] = MUST(accept(fds[LISTENER], NULL, NULL));
	for (int i = 0; i < COUNT; i++) MUST(look(i, &before[i], groups[i], &sizes[i]));
	ready_and_wait();

	for (int i = 0; i < COUNT; i++) {
		struct ucred now = { 0 };
		gid_t list[8];
		socklen_t size;
		EQUAL(look(i, &now, list, &size), 0);
		if (now.pid != before[i].pid || now.uid != before[i].uid || now.gid != before[i].gid) say("# socket %d: pid %d uid %d gid %d", i, now.pid, now.uid, now.gid);
		CHECK(now.pid == before[i].pid && now.uid == before[i].uid && now.gid == before[i].gid);
		CHECK(size == sizes[i] && !memcmp(list, groups[i], size));
	}
	CHECK(before[PAIR].pid == getpid() && before[OTHERS_PAIR].pid == user && before[OTHERS_PAIR].uid == 4321 && before[OTHERS_PAIR].gid == 5432);
	CHECK(before[SERVER].pid == user && before[SERVER].uid == 4321 && before[CLIENT].pid == getpid() && before[NAMED_CLIENT].pid == user && before[NAMED_SERVER].pid == getpid());
	CHECK(before[DEAD_PAIR].pid == dead && before[DEAD_PAIR].uid == 1234);
	/* What is connected still talks; and who connects now is told of the user's. */
	EQUAL(write(fds[CLIENT], "hello", 5), 5);
	EQUAL(read(fds[SERVER], word, sizeof word), 5);
	close(fds[NAMED_CLIENT]);
	fds[NAMED_CLIENT] = connected("users");
	struct ucred now = { 0 };
	EQUAL(look(NAMED_CLIENT, &now, groups[0], &sizes[0]), 0);
	CHECK(now.pid == user && now.uid == 4321 && now.gid == 5432);
	close(fds[OTHERS_PAIR]);
	close(over[0]);
	EQUAL(waitpid(user, NULL, 0), user);
	return finish();
}
