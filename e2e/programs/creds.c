/*
 * Credentials: capabilities(7), ids, groups, securebits, no_new_privs, keepcaps, dumpable. argv[1] chooses who it is:
 * `drop` a user without privileges · `caps` a user with some, ambient ones too · `root` that gave up a part of its bounding
 * set · `mixed` real, effective, saved and fs ids that all differ.
 */
#include "victim.h"
#include <grp.h>
#include <linux/capability.h>
int capset(struct __user_cap_header_struct *, const struct __user_cap_data_struct *);
int capget(struct __user_cap_header_struct *, struct __user_cap_data_struct *);
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static struct __user_cap_data_struct caps[2];
static struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };

static void ids(uid_t r, uid_t e, uid_t s) { MUST(setresgid(r + 1000, e + 1000, s + 1000)); MUST(setresuid(r, e, s)); }
static char before[8192], after[8192], *lines[] = { "\nUid:", "\nGid:", "\nGroups:", "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:", "\nNoNewPrivs:" };

static void line(const char *text, const char *name, char *out)
{
	const char *at = strstr(text, name);
	*out = 0;
	if (at) sscanf(at + 1, "%250[^\n]", out);
}

int main(int argc, char **argv)
{
	const char *who = argc > 1 ? argv[1] : "drop";
	gid_t groups[40];
	for (int i = 0; i < 40; i++) groups[i] = 5000 + i * 3;
	MUST(fchmod(1, 0666));
	MUST(chmod(".", 0777));
	MUST(setgroups(40, groups));
	int dumpable = -1;
	if (!strcmp(who, "drop")) {
		ids(4001, 4001, 4001);
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	} else if (!strcmp(who, "caps")) {
		MUST(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED));
		ids(4002, 4002, 4002);
		uint32_t some = 1 << CAP_NET_RAW | 1 << CAP_SYS_NICE | 1 << CAP_DAC_READ_SEARCH;
		caps[0] = (struct __user_cap_data_struct){ .effective = 1 << CAP_SYS_NICE, .permitted = some, .inheritable = some };
		MUST(capset(&head, caps));
		MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
		MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_NICE, 0, 0));
		dumpable = 1;
		MUST(prctl(PR_SET_DUMPABLE, 1));
	} else if (!strcmp(who, "root")) {
		MUST(prctl(PR_CAPBSET_DROP, CAP_SYS_MODULE));
		MUST(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT));
		MUST(capget(&head, caps));
		caps[0].effective &= ~(1U << CAP_SYS_BOOT | 1U << CAP_CHOWN);
		caps[0].permitted &= ~(1U << CAP_SYS_BOOT);
		caps[0].inheritable = 1 << CAP_CHOWN;
		MUST(capset(&head, caps));
		MUST(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_CAP_AMBIENT_RAISE));
	} else if (!strcmp(who, "mixed")) {
		ids(4003, 0, 4004);
		setfsuid(4005);
		setfsgid(5005);
	} else return 2;
	int securebits = MUST(prctl(PR_GET_SECUREBITS)), dumpable_before = MUST(prctl(PR_GET_DUMPABLE));
	slurp("/proc/thread-self/status", before, sizeof before);
	if (dumpable >= 0) EQUAL(dumpable_before, dumpable);
	ready_and_wait();
	slurp("/proc/thread-self/status", after, sizeof after);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char was[256], is[256];
		line(before, lines[i], was);
		line(after, lines[i], is);
		if (!CHECK(*was && !strcmp(was, is))) say("%s → %s", was, is);
	}
	EQUAL(prctl(PR_GET_SECUREBITS), securebits);
	EQUAL(prctl(PR_GET_DUMPABLE), dumpable_before);
	if (!strcmp(who, "drop")) {
		EQUAL(setuid(0), -1);
		EQUAL(open("/etc/shadow", O_RDONLY), -1);
		EQUAL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	}
	if (!strcmp(who, "mixed")) {
		EQUAL(setfsuid(-1), 4005);
		EQUAL(setresuid(-1, 4004, -1), 0); /* the saved id */
	}
	return finish();
}
