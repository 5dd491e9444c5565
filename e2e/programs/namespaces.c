/*
 * Namespaces of the program's own, made by itself: ipc with segments, semaphore sets, message queues and limits, uts with
 * names, time with clocks that are ahead.
 * usage: namespaces all|forced|forced-lone|undo|mqueue|open-mqueue|nested|child
 * forced: segments vanish when nobody has them attached (shm_rmid_forced), forced-lone: one that nobody ever had; undo: a semaphore may be held by SEM_UNDO; mqueue: there is a
 * POSIX message queue, open-mqueue: which is open; nested: a child has a uts namespace of its own; child: it will have
 */
#include "victim.h"
#include <mqueue.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/utsname.h>

static void set_sysctl(const char *name, const char *value)
{
	char path[128];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	int fd = MUST(open(path, O_WRONLY));
	MUST(write(fd, value, strlen(value)));
	close(fd);
}

static int sysctl_is(const char *name, const char *value)
{
	char path[128], text[256];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	int got = slurp(path, text, sizeof text);
	for (int i = 0; i < got; i++) if (text[i] == '\t') text[i] = ' ';
	if (got > 0 && text[got - 1] == '\n') text[got - 1] = 0;
	if (got >= 0 && strcmp(text, value) == 0) return 1;
	say("# %s is %s, not %s", name, got < 0 ? "gone" : text, value);
	return 0;
}

static const char *const limits[][2] = {
	{ "kernel/sem", "100 900 40 30" }, { "kernel/msgmax", "5000" }, { "kernel/msgmnb", "17000" }, { "kernel/msgmni", "20" },
	{ "kernel/shmmax", "300000" }, { "kernel/shmall", "9000000000" }, { "kernel/shmmni", "50" },
	{ "fs/mqueue/queues_max", "33" }, { "fs/mqueue/msg_max", "12" }, { "fs/mqueue/msgsize_max", "9000" }, { "fs/mqueue/msg_default", "7" },
	{ "fs/mqueue/msgsize_default", "800" },
};
#define LIMITS (sizeof limits / sizeof *limits)

struct message {
	long type;
	char text[5000];
};

static void enqueue(int queue, long type, size_t size, char with)
{
	struct message message = { .type = type };
	memset(message.text, with, size);
	MUST(msgsnd(queue, &message, size, 0));
}

static int comes(int queue, long type, size_t size, char with)
{
	struct message message;
	ssize_t got = msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT);
	for (ssize_t i = 0; i < got; i++) if (message.text[i] != with) return 0;
	return got == (ssize_t)size && message.type == type;
}

static char *attach(int id)
{
	char *address = shmat(id, NULL, 0);
	MUST(address == (void *)-1 ? -1 : 0);
	return address;
}

static void look_at_lone(int lone)
{
	EQUAL(shmget(0x80001235, 0, 0), lone);
	char *other = shmat(lone, NULL, 0);
	CHECK(other != (void *)-1 && zeroed(other, 4 * PAGE) && filled(other + 4 * PAGE, 2 * PAGE, 2) && zeroed(other + 6 * PAGE, 10 * PAGE));
	struct shmid_ds ds;
	EQUAL(shmctl(lone, IPC_STAT, &ds), 0);
	EQUAL(ds.shm_perm.uid, 1234);
	EQUAL(ds.shm_perm.gid, 2345);
	EQUAL(ds.shm_perm.mode & 0777, 0604);
	EQUAL(ds.shm_segsz, 16 * PAGE + 10);
	EQUAL(ds.shm_cpid, getpid());
}

/* The time namespace: hours ahead of the host's. */
static void enter_time(void)
{
	MUST(unshare(CLONE_NEWTIME));
	int fd = MUST(open("/proc/self/timens_offsets", O_WRONLY));
	const char *ahead = "1 360000 500000000\n7 720000 0\n";
	MUST(write(fd, ahead, strlen(ahead)));
	close(fd);
	fd = MUST(open("/proc/self/ns/time_for_children", O_RDONLY));
	MUST(setns(fd, CLONE_NEWTIME));
	close(fd);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "all";
	int forced = strncmp(mode, "forced", 6) == 0, lone_too = strcmp(mode, "forced");
	if (access("/proc/self/ns/time", F_OK)) skip("no time namespaces");
	MUST(unshare(CLONE_NEWIPC | CLONE_NEWUTS));
	enter_time();
	MUST(sethostname("victim.example", 14));
	MUST(setdomainname("nis-domain", 10));

	/* ids that a new namespace would not give by itself */
	for (int i = 0; i < 3; i++) {
		MUST(shmctl(MUST(shmget(IPC_PRIVATE, PAGE, 0600)), IPC_RMID, NULL));
		MUST(semctl(MUST(semget(IPC_PRIVATE, 1, 0600)), 0, IPC_RMID));
		MUST(msgctl(MUST(msgget(IPC_PRIVATE, 0600)), IPC_RMID, NULL));
	}
	int spare = MUST(shmget(IPC_PRIVATE, PAGE, 0600));
	int used = MUST(shmget(0x1234, 40 * PAGE, 0640 | IPC_CREAT | IPC_EXCL));
	int lone = MUST(shmget(0x80001235, 16 * PAGE + 10, 0604 | IPC_CREAT | IPC_EXCL));
	MUST(shmctl(spare, IPC_RMID, NULL));
	char *mine = attach(used);
	fill(mine, 20 * PAGE, 1);
	char *other = attach(lone);
	fill(other + 4 * PAGE, 2 * PAGE, 2);
	MUST(shmdt(other));
	struct shmid_ds ds;
	MUST(shmctl(lone, IPC_STAT, &ds));
	ds.shm_perm.uid = 1234;
	ds.shm_perm.gid = 2345;
	MUST(shmctl(lone, IPC_SET, &ds));

	int set = MUST(semget(0x77, 5, 0660 | IPC_CREAT | IPC_EXCL));
	unsigned short values[5] = { 3, 0, 32767, 1, 5 };
	MUST(semctl(set, 0, SETALL, values));
	struct semid_ds sem;
	MUST(semctl(set, 0, IPC_STAT, &sem));
	sem.sem_perm.uid = 77;
	MUST(semctl(set, 0, IPC_SET, &sem));
	struct sembuf take = { 0, -1, strcmp(mode, "undo") == 0 ? SEM_UNDO : 0 };
	MUST(semop(set, &take, 1));

	int queue = MUST(msgget(0x99, 0622 | IPC_CREAT | IPC_EXCL)), empty = MUST(msgget(IPC_PRIVATE, 0600));
	enqueue(queue, 5, 3, 'a');
	enqueue(queue, 1L << 40, 4097, 'b');
	enqueue(queue, 1, 0, 'c');
	enqueue(queue, 5, 5000, 'd');
	struct msqid_ds msq;
	MUST(msgctl(queue, IPC_STAT, &msq));
	msq.msg_qbytes = 6000; /* less than it holds */
	MUST(msgctl(queue, IPC_SET, &msq));
	for (size_t i = 0; i < LIMITS; i++) set_sysctl(limits[i][0], limits[i][1]);
	if (!lone_too) MUST(shmctl(lone, IPC_RMID, NULL));
	set_sysctl("kernel/sem_next_id", "77777");
	if (forced) set_sysctl("kernel/shm_rmid_forced", "1");

	mqd_t posix = -1;
	if (strstr(mode, "mqueue")) {
		posix = MUST(mq_open("/e2e", O_CREAT | O_RDWR, 0600, NULL));
		if (strcmp(mode, "mqueue") == 0) mq_close(posix);
	}
	int ns_file = MUST(open("/proc/self/ns/ipc", O_RDONLY));

	int pipes[2];
	MUST(pipe(pipes));
	pid_t child = MUST(fork());
	if (child == 0) {
		if (strcmp(mode, "nested") == 0) MUST(unshare(CLONE_NEWUTS));
		if (strcmp(mode, "child") == 0) MUST(unshare(CLONE_NEWPID));
		char byte;
		if (read(pipes[0], &byte, 1) != 1) _exit(9);
		struct utsname names;
		uname(&names);
		_exit(filled(mine, 20 * PAGE, 1) && filled(mine + 30 * PAGE, PAGE, 3) && strcmp(names.nodename, "victim.example") == 0 ? 0 : 1);
	}
	settle(child);
	long long monotonic = now_ms(CLOCK_MONOTONIC), boottime = now_ms(CLOCK_BOOTTIME);
	ready_and_wait();

	long long passed = now_ms(CLOCK_MONOTONIC) - monotonic;
	CHECK(passed >= 0 && passed < 600000);
	passed = now_ms(CLOCK_BOOTTIME) - boottime;
	CHECK(passed >= 0 && passed < 600000);
	struct utsname names;
	EQUAL(uname(&names), 0);
	CHECK(strcmp(names.nodename, "victim.example") == 0);
	CHECK(strcmp(names.domainname, "nis-domain") == 0);
	for (size_t i = 0; i < LIMITS; i++) CHECK(sysctl_is(limits[i][0], limits[i][1]));
	CHECK(sysctl_is("kernel/sem_next_id", "77777"));
	CHECK(sysctl_is("kernel/shm_rmid_forced", forced ? "1" : "0"));

	EQUAL(shmget(0x1234, 0, 0), used);
	CHECK(filled(mine, 20 * PAGE, 1) && zeroed(mine + 20 * PAGE, 20 * PAGE));
	if (lone_too) look_at_lone(lone);
	EQUAL(shmctl(used, IPC_STAT, &ds), 0);
	EQUAL(ds.shm_nattch, 2);
	fill(mine + 30 * PAGE, PAGE, 3);
	CHECK(write(pipes[1], "x", 1) == 1);
	int status;
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);

	EQUAL(semget(0x77, 0, 0), set);
	unsigned short now[5];
	EQUAL(semctl(set, 0, GETALL, now), 0);
	values[0] = 2;
	CHECK(memcmp(now, values, sizeof now) == 0);
	EQUAL(semctl(set, 0, IPC_STAT, &sem), 0);
	EQUAL(sem.sem_perm.uid, 77);
	EQUAL(sem.sem_perm.mode & 0777, 0660);
	EQUAL(sem.sem_nsems, 5);

	EQUAL(msgget(0x99, 0), queue);
	EQUAL(msgctl(queue, IPC_STAT, &msq), 0);
	EQUAL(msq.msg_qbytes, 6000);
	EQUAL(msq.msg_qnum, 4);
	EQUAL(msq.msg_perm.mode & 0777, 0622);
	CHECK(comes(queue, 5, 3, 'a'));
	CHECK(comes(queue, 1L << 40, 4097, 'b'));
	CHECK(comes(queue, 1, 0, 'c'));
	CHECK(comes(queue, 5, 5000, 'd'));
	EQUAL(msgctl(empty, IPC_STAT, &msq), 0);
	EQUAL(msq.msg_qnum, 0);

	struct stat held, own;
	CHECK(fstat(ns_file, &held) == 0 && stat("/proc/self/ns/ipc", &own) == 0 && held.st_ino == own.st_ino);
	return finish();
}
