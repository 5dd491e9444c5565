/*
 * One thing a process may have that is hard to checkpoint; argv[1] names it. A tool either refuses it by its name, or brings it
 * back so that it passes its own check.
 */
#include "victim.h"
#include <asm/ldt.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

static int a[2], fd;
static pid_t child;
static char text[64];
static void *at;

static void unix_pair(void) { MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, a)); MUST(write(a[0], "hi", 2)); }
static int unix_pair_ok(void) { return read(a[1], text, 8) == 2 && !memcmp(text, "hi", 2); }

static void unix_listen(void)
{
	struct sockaddr_un name = { AF_UNIX, "socket" };
	fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(fd, (void *)&name, sizeof name));
	MUST(listen(fd, 3));
}
static int unix_listen_ok(void)
{
	struct sockaddr_un name = { AF_UNIX, "socket" };
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	return !connect(client, (void *)&name, sizeof name) && accept(fd, NULL, NULL) >= 0;
}
static void unix_elsewhere(void) { unix_listen(); MUST(mkdir("elsewhere", 0700)); MUST(link("socket", "elsewhere/other")); }
static int unix_elsewhere_ok(void) { return unix_listen_ok() && access("elsewhere/other", F_OK) == 0; }

static void tcp(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof name;
	fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(fd, (void *)&name, sizeof name));
	MUST(listen(fd, 3));
	MUST(getsockname(fd, (void *)&name, &length));
	a[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(a[0], (void *)&name, length));
	a[1] = MUST(accept(fd, NULL, NULL));
	MUST(write(a[0], "hi", 2));
}

static void inotify(void) { fd = MUST(inotify_init1(IN_NONBLOCK)); MUST(inotify_add_watch(fd, ".", IN_CREATE)); }
static int inotify_ok(void) { int f = open("created", O_CREAT | O_WRONLY, 0600); (void)f; return read(fd, (char[512]){ 0 }, 512) > 0; }

static void pidfd(void) { fd = MUST(syscall(SYS_pidfd_open, getpid(), 0)); }
static int pidfd_ok(void) { return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0; }

static void pty(void) { MUST(openpty(&a[0], &a[1], NULL, NULL, NULL)); }
static int pty_ok(void) { return write(a[0], "x\n", 2) == 2 && read(a[1], text, 8) == 2; }

static void sysv(void) { int id = MUST(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600)); at = shmat(id, NULL, 0); shmctl(id, IPC_RMID, NULL); MUST(at == (void *)-1 ? -1 : 0); fill(at, PAGE, 1); }
static int sysv_ok(void) { return filled(at, PAGE, 1); }

static void io_uring(void)
{
	char params[120] = { 0 }; /* struct io_uring_params */
	fd = syscall(SYS_io_uring_setup, 4, params);
	if (fd < 0) skip("this kernel gives no io_uring");
}
static void uffd(void) { fd = syscall(SYS_userfaultfd, O_CLOEXEC | 1); if (fd < 0) skip("this kernel gives no userfaultfd"); }
static void secret(void)
{
	fd = syscall(447 /* memfd_secret */, 0);
	if (fd < 0) skip("this kernel gives no memfd_secret");
	MUST(ftruncate(fd, PAGE));
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(at == MAP_FAILED ? -1 : 0);
	fill(at, PAGE, 1);
}
static void perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK };
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	if (fd < 0) skip("this kernel gives no perf events");
}
static void netlink(void)
{
	fd = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	MUST(bind(fd, (void *)&name, sizeof name));
}
static void packet(void) { fd = MUST(socket(AF_PACKET, SOCK_DGRAM, 0)); }
static void raw(void) { fd = MUST(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
static void mqueue(void)
{
	fd = syscall(SYS_mq_open, "criu-ts-e2e", O_CREAT | O_RDWR, 0600, NULL);
	if (fd < 0) skip("this kernel gives no POSIX message queues");
	syscall(SYS_mq_unlink, "criu-ts-e2e");
	MUST(syscall(SYS_mq_timedsend, fd, "queued", 6, 0, NULL));
}
static int mqueue_ok(void) { static char big[8192]; return syscall(SYS_mq_timedreceive, fd, big, sizeof big, NULL, NULL) == 6 && !memcmp(big, "queued", 6); }
static void hugetlb(void)
{
	at = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (at == MAP_FAILED) skip("no huge pages are set aside");
	fill(at, 2 << 20, 1);
}
static int hugetlb_ok(void) { return filled(at, 2 << 20, 1); }
static void seccomp(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
static int seccomp_ok(void) { return prctl(PR_GET_SECCOMP) == 2; }
static void lock_flock(void) { fd = MUST(open("locked", O_CREAT | O_RDWR, 0600)); MUST(flock(fd, LOCK_EX)); }
static int lock_flock_ok(void) { int other = open("locked", O_RDWR); return flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK; }
static void lock_posix(void) { fd = MUST(open("locked", O_CREAT | O_RDWR, 0600)); struct flock l = { .l_type = F_WRLCK }; MUST(fcntl(fd, F_SETLK, &l)); }
static int lock_posix_ok(void)
{
	pid_t kid = fork();
	if (kid == 0) {
		struct flock l = { .l_type = F_WRLCK };
		int other = open("locked", O_RDWR);
		_exit(fcntl(other, F_SETLK, &l) == -1 && (errno == EAGAIN || errno == EACCES) ? 0 : 1);
	}
	int status;
	return waitpid(kid, &status, 0) == kid && status == 0;
}
static void lease(void) { fd = MUST(open("leased", O_CREAT | O_RDONLY, 0600)); MUST(fcntl(fd, F_SETLEASE, F_RDLCK)); }
static int lease_ok(void) { return fcntl(fd, F_GETLEASE) == F_RDLCK; }
static void owner(void) { MUST(pipe(a)); MUST(fcntl(a[0], F_SETOWN, getpid())); MUST(fcntl(a[0], F_SETSIG, SIGRTMIN + 3)); }
static int owner_ok(void) { return fcntl(a[0], F_GETOWN) == getpid() && fcntl(a[0], F_GETSIG) == SIGRTMIN + 3; }
static void packet_pipe(void) { MUST(pipe2(a, O_DIRECT)); MUST(write(a[1], "ab", 2)); MUST(write(a[1], "cde", 3)); }
static int packet_pipe_ok(void) { return read(a[0], text, 60) == 2 && read(a[0], text, 60) == 3; }
static void fifo(void) { MUST(mkfifo("fifo", 0600)); fd = MUST(open("fifo", O_RDWR)); MUST(write(fd, "abc", 3)); }
static int fifo_ok(void) { return read(fd, text, 60) == 3 && !memcmp(text, "abc", 3); }
static void gone_cwd(void) { MUST(mkdir("gone", 0700)); MUST(chdir("gone")); MUST(rmdir("../gone")); }
static int gone_cwd_ok(void) { return getcwd(text, sizeof text) == NULL && errno == ENOENT; }
static void gone_dir(void) { MUST(mkdir("gone", 0700)); fd = MUST(open("gone", O_RDONLY | O_DIRECTORY)); MUST(rmdir("gone")); }
static int gone_dir_ok(void) { struct stat st; return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 0; }
static void linked(void)
{
	fd = MUST(open("one-name", O_CREAT | O_RDWR, 0600));
	MUST(write(fd, "text", 4));
	MUST(link("one-name", "other-name"));
	MUST(unlink("one-name")); /* no ghost: a name of it remains, which /proc doesn't tell */
}
static int linked_ok(void) { struct stat x, y; return fstat(fd, &x) == 0 && stat("other-name", &y) == 0 && x.st_ino == y.st_ino && pread(fd, text, 9, 0) == 4; }

static void fork_child(int flags, void (*in_child)(void))
{
	MUST(pipe(a));
	child = MUST(syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL));
	if (child == 0) {
		if (in_child) in_child();
		if (write(a[1], "r", 1) != 1) _exit(9);
		while (!told_to_go()) nap(5);
		_exit(5);
	}
	MUST(read(a[0], text, 1) == 1 ? 0 : -1);
}
static int child_ok(void) { int status; return waitpid(child, &status, 0) == child && status == 5 << 8; }
static void net_ns(void) { fork_child(CLONE_NEWNET, NULL); }
static void uts_ns(void) { fork_child(CLONE_NEWUTS, NULL); }
static void ipc_ns(void) { fork_child(CLONE_NEWIPC, NULL); }
static void mnt_ns(void) { fork_child(CLONE_NEWNS, NULL); }
static void pid_ns(void) { fork_child(CLONE_NEWPID, NULL); }
static void user_ns(void) { fork_child(CLONE_NEWUSER, NULL); }
static int in_shared_files(void *unused) { (void)unused; while (!told_to_go()) nap(5); AWAIT(fcntl(77, F_GETFD) >= 0); _exit(fcntl(77, F_GETFD) >= 0 ? 5 : 6); }
static void shared_files(void)
{
	static char stack[65536];
	child = MUST(clone(in_shared_files, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL));
	settle(child);
}
static int shared_files_ok(void) { dup2(1, 77); return child_ok(); } /* the child sees what the parent opens */
static void zombie(void) { child = MUST(fork()); if (child == 0) _exit(5); siginfo_t info; MUST(waitid(P_PID, child, &info, WEXITED | WNOWAIT)); }
static void stopped(void) { fork_child(0, NULL); siginfo_t info; MUST(kill(child, SIGSTOP)); MUST(waitid(P_PID, child, &info, WSTOPPED | WNOWAIT)); }
static int stopped_ok(void) { kill(child, SIGCONT); return child_ok(); }
static void trace_me(void) { MUST(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static void traced(void) { fork_child(0, trace_me); }
static volatile int written;
static int in_shared_memory(void *unused) { (void)unused; while (!written) nap(5); _exit(5); }
static void vfork_like(void)
{
	static char stack[65536];
	child = MUST(clone(in_shared_memory, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
	settle(child);
}
static int written_ok(void)
{
	written = 1; /* seen by the child, if the memory is one */
	pid_t ended = 0;
	int status = -1;
	AWAIT((ended = waitpid(child, &status, WNOHANG)) != 0);
	return ended == child && status == 5 << 8;
}
static void ns_fd(void) { fd = MUST(open("/proc/self/ns/net", O_RDONLY)); }
static void proc_file(void) { fd = MUST(open("/proc/self/status", O_RDONLY)); MUST(read(fd, text, 10)); }
static int proc_file_ok(void) { return lseek(fd, 0, SEEK_CUR) == 10 && read(fd, text, 10) == 10; }
/* Of /proc, and about what the process has only when its working directory and its queues are there again. */
static pid_t sleeper;
static void *asleep(void *arg)
{
	sleeper = gettid();
	while (pause());
	return arg;
}
static void proc_cwd(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, asleep, NULL);
	AWAIT(*(volatile pid_t *)&sleeper != 0);
	settle(sleeper);
	snprintf(text, sizeof text, "/proc/self/task/%d", sleeper);
	MUST(chdir(text));
}
static int proc_cwd_ok(void) { char path[64]; snprintf(path, sizeof path, "/proc/%d/task/%d", getpid(), sleeper); return getcwd(text, sizeof text) != NULL && !strcmp(text, path); }
static union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } rights;
static struct iovec one_byte;
static struct msghdr carrier(char *byte)
{
	one_byte = (struct iovec){ byte, 1 };
	return (struct msghdr){ .msg_iov = &one_byte, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights };
}
static void proc_queue(void)
{
	static char byte = 'x';
	struct msghdr message = carrier(&byte);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
	int info = MUST(open("/proc/self/fdinfo/0", O_RDONLY));
	rights.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&rights.header), &info, sizeof info);
	MUST(sendmsg(a[0], &message, 0));
	MUST(close(info));
}
static int proc_queue_ok(void)
{
	char byte;
	struct msghdr message = carrier(&byte);
	int info;
	if (recvmsg(a[1], &message, 0) != 1 || message.msg_controllen == 0) return 0;
	memcpy(&info, CMSG_DATA(&rights.header), sizeof info);
	return read(info, text, 8) == 8 && !memcmp(text, "pos:", 4);
}
static volatile int stage;
static int good_in_thread;
static char there[512];
/* Threads that part from their process: own credentials, descriptors, working directory (the raw calls are per thread). */
static void *other_creds(void *arg)
{
	MUST(syscall(SYS_setresgid, -1, 3333, -1));
	stage = 1;
	while (!told_to_go()) nap(5);
	good_in_thread = syscall(SYS_getegid) == 3333;
	return arg;
}
static void *other_files(void *arg)
{
	MUST(unshare(CLONE_FILES));
	MUST(dup2(1, 99));
	stage = 1;
	while (!told_to_go()) nap(5);
	good_in_thread = fcntl(99, F_GETFD) >= 0;
	return arg;
}
static void *other_cwd(void *arg)
{
	MUST(unshare(CLONE_FS));
	MUST(mkdir("elsewhere", 0700));
	MUST(chdir("elsewhere"));
	stage = 1;
	while (!told_to_go()) nap(5);
	good_in_thread = getcwd(there, sizeof there) && strstr(there, "/elsewhere");
	return arg;
}
static pthread_t thread;
static void part(void *(*run)(void *))
{
	MUST(pthread_create(&thread, NULL, run, NULL) ? -1 : 0);
	while (!stage) nap(1);
}
static void thread_creds(void) { part(other_creds); }
static void thread_files(void) { part(other_files); }
static void thread_cwd(void) { part(other_cwd); }
static int thread_creds_ok(void) { pthread_join(thread, NULL); return good_in_thread && getegid() != 3333; }
static int thread_files_ok(void) { pthread_join(thread, NULL); return good_in_thread && fcntl(99, F_GETFD) == -1; }
static int thread_cwd_ok(void) { pthread_join(thread, NULL); return good_in_thread && getcwd(there, sizeof there) && !strstr(there, "/elsewhere"); }

static int in_shared_fs(void *unused)
{
	(void)unused;
	while (!told_to_go()) nap(5);
	AWAIT(getcwd(there, sizeof there) && strstr(there, "/moved"));
	_exit(getcwd(there, sizeof there) && strstr(there, "/moved") ? 5 : 6);
}
static void shared_fs(void)
{
	static char stack[65536];
	child = MUST(clone(in_shared_fs, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL));
	settle(child);
}
static int shared_fs_ok(void) { return !mkdir("moved", 0700) && !chdir("moved") && child_ok(); }
static volatile char selector;
static volatile int caught;
static void on_sigsys(int signo) { (void)signo; selector = 0; caught++; }
static void user_dispatch(void)
{
	MUST(signal(SIGSYS, on_sigsys) == SIG_ERR ? -1 : 0);
	if (prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, 0, &selector)) skip("this kernel has no syscall user dispatch");
}
static int user_dispatch_ok(void)
{
	selector = 1;
	syscall(SYS_getppid);
	return caught == 1 && selector == 0;
}
static void mdwe(void)
{
	if (prctl(65 /* PR_SET_MDWE */, 1L, 0L, 0L, 0L)) skip("this kernel does not know PR_SET_MDWE");
}
static int mdwe_ok(void)
{
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED && errno == EACCES && prctl(66 /* PR_GET_MDWE */, 0L, 0L, 0L, 0L) == 1;
}
static void ldt(void)
{
	struct user_desc segment = { .entry_number = 3, .base_addr = 0x1000, .limit = 7, .seg_32bit = 1, .useable = 1 };
	if (syscall(SYS_modify_ldt, 1, &segment, sizeof segment)) skip("this kernel gives no local descriptor table");
}
static int ldt_ok(void) { return syscall(SYS_modify_ldt, 0, text, sizeof text) > 0 && text[24] == 7; }
static void io_ports(void) { if (syscall(SYS_ioperm, 0x80, 1, 1)) skip("this kernel gives no I/O ports"); }
static int io_ports_ok(void) { __asm__ volatile("outb %%al, $0x80" : : "a"(0)); return 1; }
/* add_key(2) into KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_THREAD_KEYRING */
static void process_key(void) { if ((fd = syscall(SYS_add_key, "user", "criu-ts-e2e", "secret", 6, -2)) < 0) skip("this kernel keeps no keys"); }
static void thread_key(void) { if ((fd = syscall(SYS_add_key, "user", "criu-ts-e2e", "secret", 6, -1)) < 0) skip("this kernel keeps no keys"); }
static void session_key(void)
{
	if (syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL) < 0) skip("this kernel keeps no keys");
	fd = MUST(syscall(SYS_add_key, "user", "criu-ts-e2e", "secret", 6, -3));
}
static int key_ok(void) { return syscall(SYS_keyctl, 11 /* KEYCTL_READ */, fd, text, sizeof text) == 6 && !memcmp(text, "secret", 6); }
static int fd_ok(void) { return fcntl(fd, F_GETFD) >= 0; }
static int readable_ok(void) { return read(a[1], text, 8) == 2; }
static int mapped_ok(void) { return filled(at, PAGE, 1); }

static const struct { const char *name; void (*make)(void); int (*good)(void); } kinds[] = {
	{ "unix-pair", unix_pair, unix_pair_ok }, { "unix-listen", unix_listen, unix_listen_ok }, { "unix-elsewhere", unix_elsewhere, unix_elsewhere_ok }, { "tcp-established", tcp, readable_ok },
	{ "inotify", inotify, inotify_ok }, { "pidfd", pidfd, pidfd_ok }, { "pty", pty, pty_ok }, { "sysv-shm", sysv, sysv_ok },
	{ "io_uring", io_uring, fd_ok }, { "userfaultfd", uffd, fd_ok }, { "memfd_secret", secret, mapped_ok }, { "perf", perf, fd_ok },
	{ "netlink", netlink, fd_ok }, { "packet", packet, fd_ok }, { "raw", raw, fd_ok }, { "mqueue", mqueue, mqueue_ok }, { "hugetlb", hugetlb, hugetlb_ok },
	{ "seccomp", seccomp, seccomp_ok }, { "flock", lock_flock, lock_flock_ok }, { "posix-lock", lock_posix, lock_posix_ok }, { "lease", lease, lease_ok },
	{ "fd-owner", owner, owner_ok }, { "packet-pipe", packet_pipe, packet_pipe_ok }, { "fifo", fifo, fifo_ok }, { "gone-cwd", gone_cwd, gone_cwd_ok },
	{ "gone-directory", gone_dir, gone_dir_ok }, { "linked-elsewhere", linked, linked_ok }, { "net-namespace", net_ns, child_ok }, { "uts-namespace", uts_ns, child_ok },
	{ "ipc-namespace", ipc_ns, child_ok }, { "mnt-namespace", mnt_ns, child_ok }, { "pid-namespace", pid_ns, child_ok }, { "user-namespace", user_ns, child_ok },
	{ "shared-files", shared_files, shared_files_ok }, { "shared-memory-process", vfork_like, written_ok }, { "zombie", zombie, child_ok }, { "stopped", stopped, stopped_ok },
	{ "traced", traced, child_ok }, { "shared-cwd", shared_fs, shared_fs_ok }, { "thread-credentials", thread_creds, thread_creds_ok },
	{ "thread-files", thread_files, thread_files_ok }, { "thread-cwd", thread_cwd, thread_cwd_ok }, { "namespace-fd", ns_fd, fd_ok }, { "proc-file", proc_file, proc_file_ok },
	{ "proc-cwd", proc_cwd, proc_cwd_ok }, { "proc-queue", proc_queue, proc_queue_ok },
	{ "ldt", ldt, ldt_ok }, { "io-ports", io_ports, io_ports_ok }, { "process-keyring", process_key, key_ok }, { "thread-keyring", thread_key, key_ok }, { "session-keyring", session_key, key_ok },
	{ "user-dispatch", user_dispatch, user_dispatch_ok }, { "mdwe", mdwe, mdwe_ok },
};

int main(int argc, char **argv)
{

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (argc < 2 || strcmp(argv[1], kinds[i].name)) continue;
		told_to_go();
		kinds[i].make();
		if (child > 0 && strcmp(argv[1], "zombie") && strcmp(argv[1], "stopped") && strcmp(argv[1], "traced")) settle(child);
		ready_and_wait();
		CHECK(kinds[i].good());
		return finish();
	}
	return 2;
}
