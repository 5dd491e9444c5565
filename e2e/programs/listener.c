/* Listens at a TCP port of the kernel's choice and tells it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "victim.h"

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int server;

	MUST(server = socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(server, (struct sockaddr *)&address, sizeof address));
	MUST(listen(server, 5));
	MUST(getsockname(server, (struct sockaddr *)&address, &length));
	say("port %d", ntohs(address.sin_port));
	say("ready");
	while (!told_to_go()) nap(20);
	CHECK(getsockname(server, (struct sockaddr *)&address, &length) == 0);
	return finish();
}
