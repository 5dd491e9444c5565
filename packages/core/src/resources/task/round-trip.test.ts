// A program with all kinds of state is captured, restored into blank puppets, and captured again.
import t from 'tap';
import type { core_entry } from '@criu-ts/images';
import { SYS } from '@criu-ts/kernel/abi';
import { readStatus } from '@criu-ts/kernel/procfs';
import { FrozenTree } from '@criu-ts/tracee';
import { restoreAffinity } from './affinity.js';
import { capture, Copy, inspect, TestDump, Victim, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims() ?? false;

const ROOT_WITH_EVERYTHING = `
static char stack[65536] __attribute__((aligned(4096)));
static void handler(int sig, siginfo_t *info, void *context) {}
static void *thread(void *unused) {
  CHECK(prctl(PR_SET_NAME, "a thread\\\\n"));
  sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR1); sigaddset(&set, SIGRTMIN + 3);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  union sigval value = { .sival_int = 77 };
  pthread_sigqueue(pthread_self(), SIGRTMIN + 3, value);
  value.sival_int = 78;
  pthread_sigqueue(pthread_self(), SIGRTMIN + 3, value);
  pthread_kill(pthread_self(), SIGUSR1);
  CHECK(syscall(SYS_setpriority, PRIO_PROCESS, 0, 7));
  CHECK(prctl(PR_SET_TIMERSLACK, 123456));
  CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR2));
  CHECK(syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 6));
  cpu_set_t cpus; CPU_ZERO(&cpus); CPU_SET(1, &cpus);
  CHECK(sched_setaffinity(0, sizeof cpus, &cpus));
  for (;;) pause();
}
int main() {
  struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
  sigemptyset(&act.sa_mask); sigaddset(&act.sa_mask, SIGHUP); sigaddset(&act.sa_mask, SIGRTMAX);
  CHECK(sigaction(SIGUSR1, &act, NULL));
  CHECK(sigaction(SIGRTMAX, &act, NULL));
  signal(SIGPIPE, SIG_IGN);
  struct sigaction child = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT | SA_NOCLDSTOP };
  CHECK(sigaction(SIGCHLD, &child, NULL));
  sigset_t set; sigemptyset(&set); sigaddset(&set, SIGTERM); sigaddset(&set, SIGRTMIN + 1); sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  union sigval value = { .sival_int = 1 };
  sigqueue(getpid(), SIGRTMIN + 1, value);
  value.sival_int = 2;
  sigqueue(getpid(), SIGRTMIN + 1, value);
  kill(getpid(), SIGTERM);
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  CHECK(sigaltstack(&ss, NULL));
  pthread_t t; pthread_create(&t, NULL, thread, NULL);
  struct rlimit limit = { 4096 * 3, RLIM_INFINITY };
  CHECK(setrlimit(RLIMIT_FSIZE, &limit));
  limit = (struct rlimit){ 30, 40 };
  CHECK(setrlimit(RLIMIT_NOFILE, &limit));
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1));
  CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
  CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
  struct sched_param param = { 0 };
  CHECK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param));
  CHECK(setpriority(PRIO_PROCESS, 0, 5));
  FILE *f = fopen("/proc/self/oom_score_adj", "w"); fprintf(f, "321"); fclose(f);
  personality(ADDR_NO_RANDOMIZE | PER_LINUX32);
  for (;;) pause();
}
`;

/** What a thread without pthreads does to its credentials stays its own. */
const USER = `
static void *thread(void *unused) {
  prctl(PR_SET_KEEPCAPS, 1);
  gid_t groups[] = { 3, 1000, 70000 };
  CHECK(syscall(SYS_setgroups, 3, groups));
  CHECK(syscall(SYS_setresgid, 11, 12, 13));
  CHECK(syscall(SYS_setresuid, 21, 22, 23));
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct data[2] = { { 1 << CAP_CHOWN, 1 << CAP_CHOWN | 1 << CAP_NET_RAW, 1 << CAP_NET_RAW | 1 << CAP_KILL }, { 0 } };
  CHECK(syscall(SYS_capset, &header, data));
  CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  for (;;) pause();
}
int main() {
  pthread_t t; pthread_create(&t, NULL, thread, NULL);
  CHECK(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME));
  CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE));
  CHECK(syscall(SYS_setgroups, 0, NULL));
  CHECK(syscall(SYS_setresgid, 31, 31, 31));
  CHECK(syscall(SYS_setresuid, 0, 1000, 0));
  setfsuid(1001);
  for (;;) pause();
}
`;

/** Everything but what the puppets can't have: their ids in siginfo stay, registers and memory are others. */
function comparable(cores: readonly core_entry[]): unknown {
  return cores.map(({ tc, threadCore, threadInfo }) => ({
    tc: tc && { ...tc, flags: 0 },
    threadCore: { ...threadCore, creds: threadCore?.creds && { ...threadCore.creds, groups: [...threadCore.creds.groups] } },
    clearTidAddr: threadInfo?.clearTidAddr,
  }));
}

for (const [name, source] of [
  ['signals, limits, scheduling and the like', ROOT_WITH_EVERYTHING],
  ['credentials that differ between threads', USER],
] as const) {
  t.test(`captured, restored and captured again: ${name}`, { skip }, (t) => {
    using victim = new Victim('everything', source);
    victim.untilBlockedIn([SYS.pause], 2);
    const dump = new TestDump();
    let cores: core_entry[];
    let memory: [number, number][];
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      const task = inspect(victim.pid, tree);
      const calls = capture(task, dump);
      for (const { tid } of task.threads) t.ok((calls.get(tid) ?? 9) <= 4, `thread ${tid} made ${calls.get(tid)} calls`);
      cores = task.threads.map(({ core }) => core);
      // struct rseq and what lies near it
      memory = task.threads.map(({ core }) => [Math.floor(Number(core.threadCore?.rseqEntry?.rseqAbiPointer ?? 0n) / 4096) * 4096, 4096]);
    }
    t.same(dump.problems, []);
    t.equal(readStatus(victim.pid).tracerPid, 0, 'the victim is free again');
    using copy = new Copy();
    copy.restore(cores, {}, memory.filter(([start], i) => memory.findIndex(([other]) => other === start) === i));
    copy.puppets.forEach(({ tracee }, i) => restoreAffinity(tracee.tid, cores[i] as core_entry, copy.at));
    // The mask is set by ptrace when registers are.
    copy.puppets.forEach(({ tracee }, i) => tracee.setSigmask(i === 0 ? (cores[0]?.tc?.blkSigset ?? 0n) : (cores[i]?.threadCore?.blkSigset ?? 0n)));
    const again = new TestDump();
    const task = copy.recapture(again);
    t.same(again.problems, []);
    t.same(comparable(task.threads.map(({ core }) => core)), comparable(cores));
    t.end();
  });
}
