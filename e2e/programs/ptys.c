/*
 * pty(7): both ends with data in either direction, lines and half a line that is typed, modes (locked ones too), window size,
 * several opens of a slave, packet and exclusive mode, a locked one, one that nobody opened, closed and hung-up slaves,
 * stopped output; and a session with a controlling terminal, /dev/tty, and a group in the foreground.
 */
#include "victim.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <asm/termbits.h>

struct pty { int master, slave, index; };

static struct pty open_pty(int with_slave)
{
	struct pty p = { .slave = -1 };
	char path[32];
	int unlocked = 0;
	p.master = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
	MUST(ioctl(p.master, TIOCGPTN, &p.index));
	MUST(ioctl(p.master, TIOCSPTLCK, &unlocked));
	snprintf(path, sizeof path, "/dev/pts/%d", p.index);
	if (with_slave) p.slave = MUST(open(path, O_RDWR | O_NOCTTY));
	return p;
}

static struct pty raw_pty(void)
{
	struct pty p = open_pty(1);
	struct termios t;
	MUST(ioctl(p.slave, TCGETS, &t));
	t.c_iflag = t.c_oflag = t.c_lflag = 0;
	MUST(ioctl(p.slave, TCSETS, &t));
	return p;
}

static int same_termios(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag && !memcmp(a->c_cc, b->c_cc, sizeof a->c_cc);
}

/* Reads what is there, without waiting. */
static int take(int fd, char *buffer, int size)
{
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) ? read(fd, buffer, size) : -2;
}

#define GIVES(fd, text) do { char got_[256]; int n_ = take(fd, got_, sizeof got_); EQUAL(n_, (int)sizeof text - 1); CHECK(n_ > 0 && !memcmp(got_, text, n_)); } while (0)

/* A session whose leader has a terminal; a child of it is the foreground, another gave the terminal up. */
static pid_t session(struct pty p, int report)
{
	pid_t leader = MUST(fork());
	if (leader) return leader;
	char path[32], c;
	snprintf(path, sizeof path, "/dev/pts/%d", p.index);
	MUST(setsid());
	int slave = MUST(open(path, O_RDWR)); /* becomes the controlling terminal */
	int tty = MUST(open("/dev/tty", O_RDWR | O_NONBLOCK));
	int sync[2];
	MUST(pipe(sync));
	signal(SIGTTOU, SIG_IGN);
	pid_t front = MUST(fork());
	if (front == 0) {
		MUST(setpgid(0, 0));
		MUST(ioctl(slave, TIOCSPGRP, &(pid_t){ getpid() }));
		MUST(write(sync[1], "x", 1));
		while (!told_to_go()) nap(5);
		pid_t group = 0;
		int mine = open("/dev/tty", O_RDWR);
		int ok = mine >= 0 && ioctl(mine, TIOCGPGRP, &group) == 0 && group == getpid() && write(mine, "front\n", 6) == 6;
		_exit(ok ? 0 : 1);
	}
	pid_t without = MUST(fork());
	if (without == 0) {
		MUST(ioctl(tty, TIOCNOTTY));
		MUST(write(sync[1], "x", 1));
		while (!told_to_go()) nap(5);
		_exit(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO ? 0 : 1);
	}
	for (int i = 0; i < 2; i++) MUST(read(sync[0], &c, 1));
	MUST(write(report, "x", 1));
	while (!told_to_go()) nap(5);
	pid_t group = 0, sid = 0;
	int status, ok = 1;
	ok &= ioctl(slave, TIOCGSID, &sid) == 0 && sid == getpid();
	ok &= ioctl(tty, TIOCGSID, &sid) == 0 && sid == getpid();
	ok &= ioctl(tty, TIOCGPGRP, &group) == 0 && group == front;
	ok &= (fcntl(tty, F_GETFL) & O_NONBLOCK) != 0;
	for (int i = 0; i < 2; i++) ok &= wait(&status) > 0 && status == 0;
	ok &= write(tty, "leader\n", 7) == 7;
	_exit(ok ? 0 : 1);
}

int main(void)
{
	char path[32], big[9000], got[9000];
	struct termios t, locked = { 0 }, canonical, before;

	struct pty lines = open_pty(1);
	MUST(write(lines.master, "one\ntwo\004\004thr", 12)); /* a line, two without a newline, half a line */
	struct pty typed = open_pty(1);
	MUST(ioctl(typed.slave, TCGETS, &canonical));
	MUST(write(typed.master, "a\026\004b\n", 5)); /* a quoted ^D in the line */
	struct pty raw = raw_pty();
	MUST(write(raw.master, "in\r\n\003", 5));
	MUST(write(raw.slave, "out\n", 4));
	MUST(ioctl(raw.slave, TCGETS, &t));
	t.c_cc[VMIN] = 7, t.c_cc[VTIME] = 3;
	MUST(ioctl(raw.slave, TCSETS, &t));
	before = t;
	MUST(ioctl(raw.master, TIOCSWINSZ, &(struct winsize){ 33, 99, 5, 6 }));
	locked.c_lflag = ICANON, locked.c_cc[VINTR] = 1;
	MUST(ioctl(raw.slave, TIOCSLCKTRMIOS, &locked));
	snprintf(path, sizeof path, "/dev/pts/%d", raw.index);
	int again = MUST(open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
	int append = MUST(open(path, O_WRONLY | O_APPEND | O_NOCTTY));
	MUST(fchmod(raw.slave, 0640));
	MUST(fchown(raw.slave, 12, 34));
	int twin = MUST(dup(raw.master));

	struct pty full = raw_pty();
	fill(big, sizeof big, 5);
	for (size_t i = 0; i < sizeof big; i++) big[i] = 'a' + (big[i] & 15);
	MUST(write(full.slave, big, sizeof big)); /* more than the line discipline holds */

	struct pty packet = raw_pty();
	MUST(ioctl(packet.master, TIOCPKT, &(int){ 1 }));
	MUST(write(packet.slave, "data", 4));
	struct pty exclusive = open_pty(1);
	MUST(ioctl(exclusive.slave, TIOCEXCL));
	struct pty never = open_pty(0);
	struct pty locked_one = open_pty(1);
	MUST(ioctl(locked_one.master, TIOCSPTLCK, &(int){ 1 }));
	MUST(write(locked_one.master, "x\n", 2));
	struct pty closed = open_pty(1);
	MUST(write(closed.slave, "last words", 10));
	MUST(close(closed.slave));
	struct pty hung = open_pty(1);
	MUST(close(hung.master));
	struct pty stopped = open_pty(1);
	MUST(write(stopped.slave, "before", 6));
	MUST(write(stopped.master, "\023", 1)); /* ^S */
	MUST(fcntl(stopped.slave, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < 5000 && write(stopped.slave, "", 0) == 0 && poll(&(struct pollfd){ stopped.slave, POLLOUT, 0 }, 1, 0) == 1; i++) nap(2);

	int report[2];
	struct pty job = open_pty(0);
	MUST(pipe(report));
	pid_t leader = session(job, report[1]);
	MUST(close(report[1]));
	MUST(read(report[0], got, 1));
	ready_and_wait();

	GIVES(lines.slave, "one\n");
	GIVES(lines.slave, "two");
	EQUAL(take(lines.slave, got, sizeof got), 0);
	EQUAL(take(lines.slave, got, sizeof got), -2);
	EQUAL(write(lines.master, "ee\n", 3), 3);
	GIVES(lines.slave, "three\n");
	int echoed = 0; /* once, what was typed before; the rest may still be on its way */
	for (int n; echoed < 15 && poll(&(struct pollfd){ lines.master, POLLIN, 0 }, 1, 5000) == 1 && (n = read(lines.master, got + echoed, 99)) > 0;) echoed += n;
	EQUAL(echoed, 15);
	CHECK(!memcmp(got, "one\r\ntwothree\r\n", 15));
	GIVES(typed.slave, "a\004b\n");
	EQUAL(ioctl(typed.slave, TCGETS, &t), 0);
	CHECK(same_termios(&t, &canonical));

	EQUAL(ioctl(raw.slave, TCGETS, &t), 0);
	CHECK(same_termios(&t, &before));
	memset(&t, 0, sizeof t);
	EQUAL(ioctl(raw.slave, TIOCGLCKTRMIOS, &t), 0);
	EQUAL(t.c_lflag, ICANON);
	EQUAL(t.c_cc[VINTR], 1);
	struct winsize w = { 0 };
	EQUAL(ioctl(again, TIOCGWINSZ, &w), 0);
	CHECK(w.ws_row == 33 && w.ws_col == 99 && w.ws_xpixel == 5 && w.ws_ypixel == 6);
	EQUAL(read(again, got, sizeof got), 5);
	CHECK(!memcmp(got, "in\r\n\003", 5));
	GIVES(twin, "out\n");
	EQUAL(write(append, "more", 4), 4);
	EQUAL(fcntl(append, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	GIVES(twin, "more");
	struct stat st;
	EQUAL(fstat(raw.slave, &st), 0);
	CHECK(st.st_uid == 12 && st.st_gid == 34 && (st.st_mode & 07777) == 0640);
	int index = -1;
	EQUAL(ioctl(raw.master, TIOCGPTN, &index), 0);
	EQUAL(index, raw.index);

	size_t sum = 0;
	for (int n; sum < sizeof got && (n = take(full.master, got + sum, sizeof got - sum)) > 0;) sum += n;
	EQUAL(sum, sizeof big);
	CHECK(!memcmp(got, big, sizeof big));

	int on = 0;
	EQUAL(ioctl(packet.master, TIOCGPKT, &on), 0);
	EQUAL(on, 1);
	EQUAL(take(packet.master, got, sizeof got), 5);
	CHECK(!memcmp(got, "\0data", 5));
	EQUAL(ioctl(exclusive.slave, TIOCGEXCL, &on), 0);
	EQUAL(on, 1);
	EQUAL(ioctl(never.master, TIOCGPTLCK, &on), 0);
	EQUAL(on, 0);
	EQUAL(poll(&(struct pollfd){ never.master, POLLIN, 0 }, 1, 0), 0); /* nobody hung up */
	EQUAL(ioctl(locked_one.master, TIOCGPTLCK, &on), 0);
	EQUAL(on, 1);
	GIVES(locked_one.slave, "x\n");
	snprintf(path, sizeof path, "/dev/pts/%d", locked_one.index);
	EQUAL(open(path, O_RDWR | O_NOCTTY), -1);
	EQUAL(errno, EIO);
	struct pollfd hup = { closed.master, POLLIN, 0 };
	EQUAL(poll(&hup, 1, 0), 1);
	EQUAL(hup.revents & (POLLIN | POLLHUP), POLLIN | POLLHUP);
	GIVES(closed.master, "last words");
	EQUAL(read(closed.master, got, 1), -1);
	EQUAL(errno, EIO);
	EQUAL(read(hung.slave, got, 1), 0);
	EQUAL(write(hung.slave, "x", 1), -1);
	EQUAL(errno, EIO);
	EQUAL(poll(&(struct pollfd){ stopped.slave, POLLOUT, 0 }, 1, 0), 0);
	EQUAL(write(stopped.slave, "after", 5), -1);
	EQUAL(errno, EAGAIN);
	GIVES(stopped.master, "before");
	EQUAL(write(stopped.master, "\021", 1), 1); /* ^Q */
	EQUAL(poll(&(struct pollfd){ stopped.slave, POLLOUT, 0 }, 1, 5000), 1);
	EQUAL(write(stopped.slave, "after", 5), 5);
	GIVES(stopped.master, "after");

	int status = -1;
	EQUAL(waitpid(leader, &status, 0), leader);
	EQUAL(status, 0);
	sum = 0;
	for (int n; sum < sizeof got - 1 && (n = take(job.master, got + sum, sizeof got - 1 - sum)) > 0;) sum += n;
	got[sum] = 0;
	CHECK(strstr(got, "front\r\n") != NULL);
	CHECK(strstr(got, "leader\r\n") != NULL);
	return finish();
}
