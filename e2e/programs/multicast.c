/* Sockets in multicast groups on lo: any source, without some sources, of some sources only; IPv6; an IPv4 group of an IPv6 socket. */
#include "victim.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define GROUPS 4
static const struct { int family; const char *group, *source; int mode; } wanted[GROUPS] = {
	{ AF_INET, "239.77.1.2", NULL, MCAST_EXCLUDE },
	{ AF_INET, "239.77.1.3", "10.9.8.7", MCAST_EXCLUDE },
	{ AF_INET, "232.77.1.4", "10.9.8.6", MCAST_INCLUDE },
	{ AF_INET6, "ff15::77:5", NULL, MCAST_EXCLUDE },
};
static int fds[GROUPS], mixed, stranger;

static struct sockaddr_storage address_of(int family, const char *text, int port)
{
	struct sockaddr_storage address = { .ss_family = family };
	if (family == AF_INET) {
		((struct sockaddr_in *)&address)->sin_port = htons(port);
		inet_pton(family, text, &((struct sockaddr_in *)&address)->sin_addr);
	} else {
		((struct sockaddr_in6 *)&address)->sin6_port = htons(port);
		inet_pton(family, text, &((struct sockaddr_in6 *)&address)->sin6_addr);
	}
	return address;
}

static void join(int fd, int i)
{
	int level = wanted[i].family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req request = { .gsr_interface = if_nametoindex("lo"), .gsr_group = address_of(wanted[i].family, wanted[i].group, 0) };
	if (wanted[i].source) request.gsr_source = address_of(wanted[i].family, wanted[i].source, 0);
	if (wanted[i].mode == MCAST_INCLUDE) {
		MUST(setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof request));
		return;
	}
	struct group_req any = { .gr_interface = request.gsr_interface, .gr_group = request.gsr_group };
	MUST(setsockopt(fd, level, MCAST_JOIN_GROUP, &any, sizeof any));
	if (wanted[i].source) MUST(setsockopt(fd, level, MCAST_BLOCK_SOURCE, &request, sizeof request));
}

/* 1: a member, as wanted; 0: none; -1: otherwise */
static int is_member(int fd, int i)
{
	struct { struct group_filter filter; struct sockaddr_storage more[4]; } got = { .filter = { .gf_interface = if_nametoindex("lo"), .gf_numsrc = 4, .gf_group = address_of(wanted[i].family, wanted[i].group, 0) } };
	socklen_t length = sizeof got;
	if (getsockopt(fd, wanted[i].family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_MSFILTER, &got, &length)) return errno == EADDRNOTAVAIL ? 0 : -1;
	if ((int)got.filter.gf_fmode != wanted[i].mode || got.filter.gf_numsrc != (wanted[i].source != NULL)) return -1;
	if (!wanted[i].source) return 1;
	struct sockaddr_storage source = address_of(AF_INET, wanted[i].source, 0);
	return memcmp(&((struct sockaddr_in *)got.filter.gf_slist)->sin_addr, &((struct sockaddr_in *)&source)->sin_addr, 4) ? -1 : 1;
}

int main(void)
{
	int port = 20000 + getpid() % 20000, off = 0;
	for (int i = 0; i < GROUPS; i++) {
		struct sockaddr_storage name = address_of(wanted[i].family, wanted[i].group, port + i);
		fds[i] = MUST(socket(wanted[i].family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
		join(fds[i], i);
		MUST(bind(fds[i], (void *)&name, wanted[i].family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
	}
	mixed = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
	MUST(setsockopt(mixed, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off));
	for (int i = 0; i < GROUPS; i++) join(mixed, i);
	stranger = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	ready_and_wait();

	for (int i = 0; i < GROUPS; i++) {
		EQUAL(is_member(mixed, i), 1);
		for (int j = 0; j < GROUPS; j++) if (wanted[i].family == AF_INET6 || wanted[j].family == AF_INET) EQUAL(is_member(fds[i], j), i == j);
		if (wanted[i].family == AF_INET) EQUAL(is_member(stranger, i), 0);
	}
	/* And it hears what is said in the group. */
	struct ip_mreqn lo = { .imr_ifindex = if_nametoindex("lo") };
	struct sockaddr_storage to = address_of(AF_INET, wanted[0].group, port);
	char word[8];
	EQUAL(setsockopt(stranger, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo), 0);
	EQUAL(sendto(stranger, "hello", 5, 0, (void *)&to, sizeof(struct sockaddr_in)), 5);
	EQUAL(recv(fds[0], word, sizeof word, 0), 5);
	return finish();
}
