/* Sockets below TCP and UDP: netlink, packets of an interface, raw IP; with filters, groups and a ring that is mapped. */
#include "victim.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/icmp.h>
#include <sys/socket.h>

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;
	return getsockopt(fd, level, name, &value, &length) ? -1 : value;
}
static void set(int fd, int level, int name, int value) { MUST(setsockopt(fd, level, name, &value, sizeof value)); }
static struct sockaddr_nl netlink_name(int fd)
{
	struct sockaddr_nl name = { 0 };
	socklen_t length = sizeof name;
	getsockname(fd, (void *)&name, &length);
	return name;
}

/* An answer to RTM_GETLINK for `lo`: the type of the first message. */
static int asks(int fd)
{
	struct { struct nlmsghdr head; struct ifinfomsg link; } ask = { { sizeof ask, RTM_GETLINK, NLM_F_REQUEST, 1, 0 }, { .ifi_index = if_nametoindex("lo") } };
	char answer[8192];
	if (send(fd, &ask, sizeof ask, 0) != sizeof ask || recv(fd, answer, sizeof answer, 0) < (ssize_t)sizeof ask.head) return -1;
	return ((struct nlmsghdr *)answer)->nlmsg_type;
}

int main(void)
{
	int lo = if_nametoindex("lo");
	if (lo == 0) skip("no loopback interface");

	int unbound = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)), route = MUST(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE));
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_pid = 0x40000000u + getpid(), .nl_groups = RTMGRP_LINK };
	MUST(bind(route, (void *)&name, sizeof name));
	set(route, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, 33);
	set(route, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	int connected = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	MUST(connect(connected, (void *)&kernel, sizeof kernel));
	struct sockaddr_nl own = netlink_name(connected);

	int packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (packets < 0) skip("no packet sockets");
	set(packets, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	set(packets, SOL_PACKET, PACKET_AUXDATA, 1);
	struct sock_filter all[] = { { BPF_RET | BPF_K, 0, 0, 0xffff } };
	struct sock_fprog program = { 1, all };
	MUST(setsockopt(packets, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
	struct sockaddr_ll place = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = lo };
	MUST(bind(packets, (void *)&place, sizeof place));
	struct packet_mreq group = { .mr_ifindex = lo, .mr_type = PACKET_MR_ALLMULTI };
	MUST(setsockopt(packets, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof group));
	int ringed = MUST(socket(AF_PACKET, SOCK_RAW, 0));
	set(ringed, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	struct tpacket_req ring = { .tp_block_size = 4096, .tp_block_nr = 4, .tp_frame_size = 2048, .tp_frame_nr = 8 };
	MUST(setsockopt(ringed, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring));
	volatile struct tpacket2_hdr *frames = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ringed, 0);
	MUST(frames == MAP_FAILED ? -1 : 0);

	int icmp = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)), header = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_UDP)), icmp6 = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	set(icmp, SOL_RAW, ICMP_FILTER, ~(1 << ICMP_ECHOREPLY));
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	MUST(connect(icmp, (void *)&to, sizeof to));
	MUST(bind(header, (void *)&to, sizeof to));
	set(header, IPPROTO_IP, IP_HDRINCL, 1);
	set(header, IPPROTO_IP, IP_NODEFRAG, 1);
	ready_and_wait();

	EQUAL(netlink_name(unbound).nl_pid, 0);
	EQUAL(asks(unbound), RTM_NEWLINK);
	EQUAL(get(route, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	EQUAL(netlink_name(route).nl_pid, 0x40000000u + getpid());
	EQUAL(netlink_name(route).nl_groups, RTMGRP_LINK);
	unsigned int groups[4] = { 0 };
	socklen_t length = sizeof groups;
	EQUAL(getsockopt(route, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &length), 0);
	EQUAL(groups[1], 1);
	EQUAL(get(route, SOL_NETLINK, NETLINK_EXT_ACK), 1);
	EQUAL(asks(route), RTM_NEWLINK);
	EQUAL(netlink_name(connected).nl_pid, own.nl_pid);
	EQUAL(asks(connected), RTM_NEWLINK);

	struct sockaddr_ll got = { 0 };
	length = sizeof got;
	EQUAL(getsockname(packets, (void *)&got, &length), 0);
	EQUAL(got.sll_ifindex, lo);
	EQUAL(ntohs(got.sll_protocol), ETH_P_IP);
	EQUAL(get(packets, SOL_PACKET, PACKET_VERSION), TPACKET_V2);
	EQUAL(get(packets, SOL_PACKET, PACKET_AUXDATA), 1);
	struct sock_filter filter[4];
	length = 4;
	EQUAL(getsockopt(packets, SOL_SOCKET, SO_GET_FILTER, filter, &length), 0);
	EQUAL(length, 1);
	EQUAL(filter[0].k, 0xffff);
	struct sockaddr_ll hear = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = lo };
	EQUAL(bind(ringed, (void *)&hear, sizeof hear), 0);
	int udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	setsockopt(udp, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
	to.sin_port = htons(9);
	int up = sendto(udp, "hello", 5, 0, (void *)&to, sizeof to) == 5;
	for (int i = 0; up && i < 1000 && !(frames->tp_status & TP_STATUS_USER); i++) nap(5);
	CHECK(!up || (frames->tp_status & TP_STATUS_USER));

	EQUAL(get(icmp, SOL_RAW, ICMP_FILTER), ~(1 << ICMP_ECHOREPLY));
	char line[32], text[8192];
	snprintf(line, sizeof line, "%08X:0001 %08X:0000", to.sin_addr.s_addr, to.sin_addr.s_addr);
	CHECK(slurp("/proc/self/net/raw", text, sizeof text) > 0 && strstr(text, line));
	EQUAL(get(header, IPPROTO_IP, IP_HDRINCL), 1);
	EQUAL(get(header, IPPROTO_IP, IP_NODEFRAG), 1);
	EQUAL(get(icmp, IPPROTO_IP, IP_HDRINCL), 0);
	if (icmp6 >= 0) EQUAL(get(icmp6, SOL_SOCKET, SO_PROTOCOL), IPPROTO_ICMPV6);
	return finish();
}
