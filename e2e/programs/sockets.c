/*
 * Inet sockets that are listening or unconnected: tcp4, tcp6, udp4, udp6, with options; bound, with a backlog, shared with a
 * child. After the restore a client connects and talks.
 */
#include "victim.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void set(int fd, int level, int name, int value) { MUST(setsockopt(fd, level, name, &value, sizeof value)); }
static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	return getsockopt(fd, level, name, &value, &length) ? -1 : value;
}

static int bound(int family, int type, int v6only)
{
	int fd = MUST(socket(family, type | SOCK_CLOEXEC, 0));
	if (family == AF_INET6 && v6only) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	MUST(family == AF_INET ? bind(fd, (void *)&four, sizeof four) : bind(fd, (void *)&six, sizeof six));
	return fd;
}

static int port(int fd)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof name;
	return getsockname(fd, (void *)&name, &length) ? -1 : ntohs(name.sin6_port); /* same place in sockaddr_in */
}

/* Connects, is accepted, sends and receives a word. */
static int talk(int listener, int family)
{
	struct sockaddr_in6 name;
	socklen_t length = sizeof name;
	char word[8] = "";
	int client = socket(family, SOCK_STREAM, 0);
	if (getsockname(listener, (void *)&name, &length) || connect(client, (void *)&name, length)) return -1;
	int server = accept(listener, NULL, NULL);
	int good = write(client, "hello", 5) == 5 && read(server, word, 8) == 5 && !memcmp(word, "hello", 5);
	close(client);
	close(server);
	return good;
}

int main(void)
{
	int tcp4 = bound(AF_INET, SOCK_STREAM, 0), tcp6 = bound(AF_INET6, SOCK_STREAM, 1), udp4 = bound(AF_INET, SOCK_DGRAM, 0), udp6 = bound(AF_INET6, SOCK_DGRAM, 1);
	set(tcp4, SOL_SOCKET, SO_REUSEADDR, 1);
	set(tcp4, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(tcp4, IPPROTO_TCP, TCP_KEEPIDLE, 111);
	set(tcp4, IPPROTO_TCP, TCP_KEEPINTVL, 22);
	set(tcp4, IPPROTO_TCP, TCP_KEEPCNT, 7);
	set(tcp4, IPPROTO_TCP, TCP_NODELAY, 1);
	set(tcp4, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0);
	set(tcp4, SOL_SOCKET, SO_SNDBUF, 100000);
	set(tcp4, SOL_SOCKET, SO_RCVBUF, 70000);
	set(tcp4, SOL_SOCKET, SO_RCVLOWAT, 2);
	set(tcp4, SOL_SOCKET, SO_MARK, 77);
	set(tcp4, SOL_SOCKET, SO_OOBINLINE, 1);
	set(tcp4, IPPROTO_IP, IP_TOS, 0x10);
	set(tcp4, IPPROTO_IP, IP_TTL, 33);
	set(tcp4, SOL_SOCKET, SO_PRIORITY, 3); /* after the TOS, which sets it too */
	set(tcp4, IPPROTO_IP, IP_FREEBIND, 1);
	struct timeval patience = { 12, 500000 };
	MUST(setsockopt(tcp4, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
	MUST(setsockopt(tcp4, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
	MUST(listen(tcp4, 77));
	MUST(fcntl(tcp6, F_SETFL, O_NONBLOCK));
	MUST(listen(tcp6, 5));
	set(udp4, SOL_SOCKET, SO_BROADCAST, 1);
	set(udp4, IPPROTO_IP, IP_PKTINFO, 1);
	set(udp6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	int reuse = MUST(socket(AF_INET, SOCK_STREAM, 0));
	set(reuse, SOL_SOCKET, SO_REUSEPORT, 1);
	struct sockaddr_in any = { .sin_family = AF_INET };
	MUST(bind(reuse, (void *)&any, sizeof any));
	int reuse2 = MUST(socket(AF_INET, SOCK_STREAM, 0));
	set(reuse2, SOL_SOCKET, SO_REUSEPORT, 1);
	any.sin_port = htons(port(reuse));
	MUST(bind(reuse2, (void *)&any, sizeof any));
	MUST(listen(reuse, 3));
	MUST(listen(reuse2, 3));
	int raw_tcp = MUST(socket(AF_INET, SOCK_STREAM, 0)), raw_udp = MUST(socket(AF_INET6, SOCK_DGRAM, 0)); /* neither bound nor connected */
	set(raw_tcp, SOL_SOCKET, SO_KEEPALIVE, 1);
	int dual = MUST(socket(AF_INET6, SOCK_STREAM, 0)); /* takes IPv4 too */
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6 };
	MUST(bind(dual, (void *)&any6, sizeof any6));
	MUST(listen(dual, 1));
	int udp_connected = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(port(udp4)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	MUST(connect(udp_connected, (void *)&peer, sizeof peer));
	int twin = MUST(dup2(tcp4, 300));
	int ports[] = { port(tcp4), port(tcp6), port(udp4), port(udp6), port(reuse), port(dual), port(udp_connected) };
	pid_t child = MUST(fork());
	if (child == 0) { /* asleep in accept through dump and restore */
		int server = accept(dual, NULL, NULL);
		_exit(server >= 0 && write(server, "welcome", 7) == 7 ? 0 : 1);
	}
	settle(child);
	ready_and_wait();

	EQUAL(port(tcp4), ports[0]);
	EQUAL(port(tcp6), ports[1]);
	EQUAL(port(udp4), ports[2]);
	EQUAL(port(udp6), ports[3]);
	EQUAL(port(reuse2), ports[4]);
	EQUAL(port(dual), ports[5]);
	EQUAL(port(udp_connected), ports[6]);
	EQUAL(get(tcp4, SOL_SOCKET, SO_REUSEADDR), 1);
	EQUAL(get(tcp4, SOL_SOCKET, SO_KEEPALIVE), 1);
	EQUAL(get(tcp4, IPPROTO_TCP, TCP_KEEPIDLE), 111);
	EQUAL(get(tcp4, IPPROTO_TCP, TCP_KEEPINTVL), 22);
	EQUAL(get(tcp4, IPPROTO_TCP, TCP_KEEPCNT), 7);
	EQUAL(get(tcp4, IPPROTO_TCP, TCP_NODELAY), 1);
	EQUAL(get(tcp4, SOL_SOCKET, SO_SNDBUF), 200000);
	EQUAL(get(tcp4, SOL_SOCKET, SO_RCVBUF), 140000);
	EQUAL(get(tcp4, SOL_SOCKET, SO_PRIORITY), 3);
	EQUAL(get(tcp4, SOL_SOCKET, SO_RCVLOWAT), 2);
	EQUAL(get(tcp4, SOL_SOCKET, SO_MARK), 77);
	EQUAL(get(tcp4, SOL_SOCKET, SO_OOBINLINE), 1);
	EQUAL(get(tcp4, IPPROTO_IP, IP_TOS), 0x10);
	EQUAL(get(tcp4, IPPROTO_IP, IP_TTL), 33);
	EQUAL(get(tcp4, IPPROTO_IP, IP_FREEBIND), 1);
	struct timeval got = { 0 };
	socklen_t length = sizeof got;
	EQUAL(getsockopt(tcp4, SOL_SOCKET, SO_RCVTIMEO, &got, &length), 0);
	EQUAL(got.tv_sec, 12);
	EQUAL(got.tv_usec, 500000);
	EQUAL(get(tcp6, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	EQUAL(get(dual, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	EQUAL(get(tcp4, SOL_SOCKET, SO_ACCEPTCONN), 1);
	EQUAL(get(udp4, SOL_SOCKET, SO_BROADCAST), 1);
	EQUAL(get(udp4, IPPROTO_IP, IP_PKTINFO), 1);
	EQUAL(get(udp6, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
	EQUAL(get(reuse, SOL_SOCKET, SO_REUSEPORT), 1);
	EQUAL(get(udp4, SOL_SOCKET, SO_REUSEADDR), 0);
	EQUAL(get(udp4, SOL_SOCKET, SO_REUSEPORT), 0);
	EQUAL(get(tcp6, SOL_SOCKET, SO_REUSEADDR), 0);
	EQUAL(get(raw_tcp, SOL_SOCKET, SO_KEEPALIVE), 1);
	EQUAL(fcntl(tcp6, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EQUAL(fcntl(tcp4, F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(twin, F_GETFD), 0);
	EQUAL(accept(tcp6, NULL, NULL), -1);
	EQUAL(errno, EAGAIN);
	set(tcp4, SOL_SOCKET, SO_RCVLOWAT, 1);
	EQUAL(talk(twin, AF_INET), 1);
	EQUAL(talk(tcp6, AF_INET6), 1);
	char word[16] = "";
	EQUAL(write(udp_connected, "datagram", 8), 8);
	EQUAL(read(udp4, word, sizeof word), 8);
	CHECK(!memcmp(word, "datagram", 8));
	EQUAL(connect(raw_udp, (void *)&(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port(udp6)), .sin6_addr = in6addr_loopback }, sizeof(struct sockaddr_in6)), 0);
	EQUAL(write(raw_udp, "six", 3), 3);
	EQUAL(read(udp6, word, sizeof word), 3);
	peer.sin_port = htons(port(dual));
	EQUAL(connect(raw_tcp, (void *)&peer, sizeof peer), 0);
	EQUAL(read(raw_tcp, word, sizeof word), 7);
	CHECK(!memcmp(word, "welcome", 7));
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	return finish();
}
