/*
 * Unix sockets: pairs, listening ones and their connections, datagrams; shared with a child; with data on their way; by
 * path, by abstract name, by a relative path, by a path that was removed.
 */
#include "victim.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static char folder[64];

static struct sockaddr_un name_of(const char *name, socklen_t *length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (*name == '@') snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s-%d", name + 1, getpid());
	else if (*name == '+') snprintf(address.sun_path, sizeof address.sun_path, "%s", name + 1);
	else snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, name);
	*length = offsetof(struct sockaddr_un, sun_path) + (*name == '@' ? 1 + strlen(address.sun_path + 1) : strlen(address.sun_path) + 1);
	return address;
}

static int on(int type, const char *name, int (*call)(int, const struct sockaddr *, socklen_t))
{
	socklen_t length;
	struct sockaddr_un address = name_of(name, &length);
	int fd = MUST(socket(AF_UNIX, type, 0));
	MUST(call(fd, (void *)&address, length));
	return fd;
}

/* Its own name, or its peer's. */
static int has_name(int fd, int peer, const char *name)
{
	struct sockaddr_un got = { 0 }, want;
	socklen_t length = sizeof got, wanted = offsetof(struct sockaddr_un, sun_path);
	if (*name) want = name_of(name, &wanted);
	if (peer ? getpeername(fd, (void *)&got, &length) : getsockname(fd, (void *)&got, &length)) return 0;
	return length == wanted && (!*name || !memcmp(&got, &want, wanted));
}

static int reads(int fd, const char *text)
{
	char got[64] = "";
	ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
	return n == (ssize_t)strlen(text) && !strcmp(got, text);
}

static int comes_from(int fd, const char *text, const char *name)
{
	char got[64] = "";
	struct sockaddr_un from, want;
	socklen_t length = sizeof from, wanted;
	want = name_of(name, &wanted);
	ssize_t n = recvfrom(fd, got, sizeof got - 1, MSG_DONTWAIT, (void *)&from, &length);
	return n == (ssize_t)strlen(text) && !strcmp(got, text) && length == wanted && !memcmp(&from, &want, wanted);
}

static int talk(int from, int to, const char *text) { return send(from, text, strlen(text), 0) == (ssize_t)strlen(text) && reads(to, text); }
static int get(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -1 : value;
}
static void set(int fd, int name, int value) { MUST(setsockopt(fd, SOL_SOCKET, name, &value, sizeof value)); }

int main(void)
{
	snprintf(folder, sizeof folder, "/tmp/unix-victim-%d", getpid());
	MUST(mkdir(folder, 0755));
	MUST(chdir(folder));

	int pair[2], packets[2], half[2], lonely[2], bulk[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, packets));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, half));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, lonely));
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, bulk));
	MUST(send(pair[0], "forth", 5, 0));
	MUST(send(pair[1], "back", 4, 0));
	MUST(send(packets[0], "one", 3, 0));
	MUST(send(packets[0], "three", 5, 0));
	MUST(send(half[0], "last", 4, 0));
	MUST(shutdown(half[0], SHUT_WR));
	MUST(send(lonely[1], "farewell", 8, 0));
	MUST(close(lonely[1]));
	set(pair[0], SO_SNDBUF, 50000);
	set(pair[0], SO_RCVLOWAT, 3);
	set(pair[1], SO_PASSCRED, 0);
	static char block[1000];
	long filled = 0;
	for (ssize_t n = 1; n > 0; filled += n > 0 ? n : 0) {
		for (long i = 0; i < (long)sizeof block; i++) block[i] = (char)((filled + i) % 251);
		n = send(bulk[0], block, sizeof block, 0);
	}

	int listener = on(SOCK_STREAM, "listener", bind), hidden = on(SOCK_STREAM, "@hidden", bind), relative = on(SOCK_SEQPACKET, "+relative", bind);
	MUST(listen(listener, 7));
	MUST(listen(hidden, 1));
	MUST(listen(relative, 2));
	char path[128];
	snprintf(path, sizeof path, "%s/listener", folder);
	MUST(chmod(path, 0620));
	if (geteuid() == 0) MUST(chown(path, 12, 34));
	int client = on(SOCK_STREAM, "listener", connect), server = MUST(accept(listener, NULL, NULL));
	int client2 = on(SOCK_STREAM, "@hidden", connect), server2 = MUST(accept4(hidden, NULL, NULL, SOCK_NONBLOCK));
	int client3 = on(SOCK_SEQPACKET, "+relative", connect), server3 = MUST(accept(relative, NULL, NULL));
	MUST(send(client, "ask", 3, 0));
	MUST(send(server, "answer", 6, 0));
	int over = on(SOCK_STREAM, "listener", connect);
	MUST(send(over, "bye", 3, 0));
	int ended = MUST(accept(listener, NULL, NULL));
	MUST(close(over));
	int removed = on(SOCK_STREAM, "removed", bind);
	MUST(listen(removed, 3));
	int client4 = on(SOCK_STREAM, "removed", connect), server4 = MUST(accept(removed, NULL, NULL));
	snprintf(path, sizeof path, "%s/removed", folder);
	MUST(unlink(path));

	/* As supervisord does it: found under its real name only when all is well. */
	int linked = on(SOCK_STREAM, "linked.new", bind), twice = on(SOCK_STREAM, "twice", bind);
	MUST(listen(linked, 3));
	MUST(listen(twice, 3));
	char other[128];
	snprintf(path, sizeof path, "%s/linked.new", folder);
	snprintf(other, sizeof other, "%s/linked", folder);
	MUST(link(path, other));
	MUST(unlink(path));
	snprintf(path, sizeof path, "%s/twice", folder);
	snprintf(other, sizeof other, "%s/thrice", folder);
	MUST(link(path, other));

	int inbox = on(SOCK_DGRAM, "inbox", bind), nameless = on(SOCK_DGRAM, "inbox", connect), named = on(SOCK_DGRAM, "@named", bind);
	socklen_t length;
	struct sockaddr_un to = name_of("inbox", &length);
	MUST(connect(named, (void *)&to, length));
	MUST(send(named, "signed", 6, 0));
	MUST(send(nameless, "unsigned", 8, 0));
	MUST(sendto(named, "again", 5, 0, (void *)&to, length));

	int shared[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, shared));
	pid_t parent = getpid(), child = MUST(fork());
	if (child == 0) { /* asleep in recv through dump and restore */
		char word[8] = "";
		close(shared[0]);
		_exit(recv(shared[1], word, 8, 0) == 4 && !strcmp(word, "wake") && send(shared[1], "awake", 5, 0) == 5 && getppid() == parent ? 0 : 1);
	}
	close(shared[1]);
	settle(child);
	ready_and_wait();

	CHECK(reads(pair[1], "forth"));
	CHECK(reads(pair[0], "back"));
	CHECK(talk(pair[0], pair[1], "more"));
	EQUAL(get(pair[0], SO_SNDBUF), 100000);
	EQUAL(get(pair[0], SO_RCVLOWAT), 3);
	EQUAL(get(packets[0], SO_TYPE), SOCK_SEQPACKET);
	CHECK(reads(packets[1], "one"));
	CHECK(reads(packets[1], "three"));
	CHECK(!reads(packets[1], "") && errno == EAGAIN);
	CHECK(reads(half[1], "last"));
	CHECK(reads(half[1], ""));
	CHECK(talk(half[1], half[0], "other way"));
	CHECK(send(half[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	CHECK(reads(lonely[0], "farewell"));
	CHECK(send(lonely[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == ECONNREFUSED);
	long drained = 0, wrong = 0;
	char c;
	for (; recv(bulk[1], &c, 1, 0) == 1; drained++) wrong += c != (char)(drained % 251);
	EQUAL(drained, filled);
	EQUAL(wrong, 0);

	CHECK(has_name(listener, 0, "listener"));
	CHECK(has_name(server, 0, "listener"));
	CHECK(has_name(server, 1, ""));
	CHECK(has_name(client, 1, "listener"));
	CHECK(has_name(client2, 1, "@hidden"));
	CHECK(has_name(server2, 0, "@hidden"));
	CHECK(has_name(relative, 0, "+relative"));
	CHECK(has_name(client3, 1, "+relative"));
	CHECK(has_name(server4, 0, "removed"));
	CHECK(has_name(client4, 1, "removed"));
	CHECK(reads(server, "ask"));
	CHECK(reads(client, "answer"));
	CHECK(talk(server2, client2, "two"));
	CHECK(talk(client3, server3, "three"));
	CHECK(talk(client4, server4, "four"));
	CHECK(reads(ended, "bye"));
	CHECK(reads(ended, ""));
	EQUAL(get(listener, SO_ACCEPTCONN), 1);
	struct stat stat_;
	snprintf(path, sizeof path, "%s/listener", folder);
	EQUAL(stat(path, &stat_), 0);
	EQUAL(stat_.st_mode, S_IFSOCK | 0620);
	if (geteuid() == 0) EQUAL(stat_.st_uid * 100 + stat_.st_gid, 1234);
	snprintf(path, sizeof path, "%s/removed", folder);
	EQUAL(access(path, F_OK), -1);
	snprintf(path, sizeof path, "%s/linked.new", folder);
	EQUAL(access(path, F_OK), -1);
	CHECK(has_name(linked, 0, "linked.new"));
	int late3 = on(SOCK_STREAM, "linked", connect), late_server3 = accept(linked, NULL, NULL);
	CHECK(talk(late3, late_server3, "linked"));
	for (const char **name = (const char *[]){ "twice", "thrice", NULL }; *name; name++) {
		int client5 = on(SOCK_STREAM, *name, connect), server5 = accept(twice, NULL, NULL);
		CHECK(talk(client5, server5, *name));
	}
	int late = on(SOCK_STREAM, "listener", connect), late_server = accept(listener, NULL, NULL);
	CHECK(talk(late, late_server, "late"));
	int late2 = on(SOCK_SEQPACKET, "relative", connect), late_server2 = accept(relative, NULL, NULL);
	CHECK(talk(late2, late_server2, "later"));

	CHECK(comes_from(inbox, "signed", "@named"));
	CHECK(reads(inbox, "unsigned"));
	CHECK(comes_from(inbox, "again", "@named"));
	CHECK(talk(nameless, inbox, "new"));
	CHECK(has_name(named, 1, "inbox"));

	CHECK(send(shared[0], "wake", 4, 0) == 4);
	char word[8] = "";
	EQUAL(recv(shared[0], word, 8, 0), 5);
	int status = -1;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);

	MUST(chdir("/"));
	for (const char **name = (const char *[]){ "listener", "relative", "inbox", "linked", "twice", "thrice", NULL }; *name; name++) {
		snprintf(path, sizeof path, "%s/%s", folder, *name);
		unlink(path);
	}
	rmdir(folder);
	return finish();
}
