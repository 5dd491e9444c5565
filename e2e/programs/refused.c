/* Holds three objects that nobody can dump; looks at the end whether all is as it was. */
#include "victim.h"
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(void)
{
	int pipes[2], faults, udp, on = 1;
	char text[8] = "";
	socklen_t length = sizeof on;

	MUST(pipe2(pipes, O_DIRECT));
	MUST(write(pipes[1], "packet", 6));
	faults = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (faults < 0) skip("there is no userfaultfd");
	MUST(udp = socket(AF_INET, SOCK_DGRAM, 0));
	MUST(setsockopt(udp, IPPROTO_UDP, UDP_CORK, &on, sizeof on));
	say("pipe %d fault %d udp %d", pipes[1], faults, udp);
	say("ready");
	while (!told_to_go()) nap(20);
	EQUAL(read(pipes[0], text, sizeof text), 6);
	CHECK(strcmp(text, "packet") == 0);
	on = 0;
	CHECK(getsockopt(udp, IPPROTO_UDP, UDP_CORK, &on, &length) == 0);
	EQUAL(on, 1);
	CHECK(fcntl(faults, F_GETFD) >= 0);
	return finish();
}
