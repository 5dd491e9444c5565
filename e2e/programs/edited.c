/*
 * What an edited checkpoint shows: a port, a variable, a file, and a secret ($TOKEN) in memory and in everything else that
 * images hold. When it goes on, it tells all of it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "victim.h"

static char received[256];

static void tell(const char *what, ssize_t length)
{
	received[length < 0 ? 0 : length] = 0;
	say("%s %s", what, received);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	const char *token = getenv("TOKEN");
	int server, file, removed, pipes[2], pair[2];

	if (!token) return 2;
	MUST(server = socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(server, (struct sockaddr *)&address, size));
	MUST(listen(server, 5));
	MUST(getsockname(server, (struct sockaddr *)&address, &size));
	MUST(mkdir("data", 0755));
	MUST(file = open("data/file", O_RDWR | O_CREAT, 0644));
	MUST(write(file, "contents", 8));
	MUST(removed = open("data/removed", O_RDWR | O_CREAT, 0600));
	MUST(write(removed, token, strlen(token)));
	MUST(unlink("data/removed"));
	MUST(pipe(pipes));
	MUST(write(pipes[1], token, strlen(token)));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(write(pair[1], token, strlen(token)));
	char *heap = malloc(2 * PAGE), *edge = heap + (-(uintptr_t)heap & (PAGE - 1)) + PAGE - 5;
	char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	if (!heap || shared == MAP_FAILED || mapped == MAP_FAILED) return 3;
	/* Across two pages. */
	strcpy(edge, token);
	strcpy(shared, token);
	say("port %d", ntohs(address.sin_port));
	ready_and_wait();

	MUST(getsockname(server, (struct sockaddr *)&address, &size));
	say("port now %d", ntohs(address.sin_port));
	say("variable %s", getenv("VARIABLE"));
	say("token %s", getenv("TOKEN"));
	say("heap %s", edge);
	say("shared %s", shared);
	tell("pipe", read(pipes[0], received, sizeof received - 1));
	tell("queue", read(pair[0], received, sizeof received - 1));
	tell("removed", pread(removed, received, sizeof received - 1, 0));
	tell("file", readlink("/proc/self/fd/4", received, sizeof received - 1));
	CHECK(!strncmp(mapped, "contents", 8));
	CHECK(lseek(file, 0, SEEK_CUR) == 8);
	return finish();
}
