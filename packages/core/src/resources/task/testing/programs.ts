/** Two threads, root, with all kinds of state. */
export const EVERYTHING = `
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
  struct { unsigned size, policy; unsigned long long flags; int nice; unsigned prio; unsigned long long runtime, deadline, period; } slice = { .size = 48, .nice = 7, .runtime = 3000000 };
  CHECK(syscall(SYS_sched_setattr, 0, &slice, 0));
  unsigned long nodes = 1;
  CHECK(syscall(SYS_set_mempolicy, 3 /* MPOL_INTERLEAVE */, &nodes, 64));
  CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
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
  f = fopen("/proc/self/coredump_filter", "w"); fprintf(f, "0x7f"); fclose(f);
  CHECK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
  personality(ADDR_NO_RANDOMIZE | PER_LINUX32);
  for (;;) pause();
}
`;

/** What a thread without pthreads does to its credentials stays its own. */
export const USERS = `
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

/** Timers that don't go off, on several clocks; ids with gaps. */
export const TIMERS = `
static timer_t make(clockid_t clock, struct sigevent *event, long interval, long value) {
  timer_t id;
  struct itimerspec spec = { { interval, 5 }, { value, 7 } };
  CHECK(timer_create(clock, event, &id));
  if (value > 0) CHECK(timer_settime(id, 0, &spec, NULL));
  return id;
}
static volatile int tid;
static void *thread(void *unused) {
  tid = syscall(SYS_gettid);
  for (;;) pause();
}
int main() {
  struct itimerval value = { { 3, 4 }, { 1000, 0 } };
  CHECK(setitimer(ITIMER_REAL, &value, NULL));
  CHECK(setitimer(ITIMER_VIRTUAL, &value, NULL));
  value.it_interval.tv_sec = 0;
  CHECK(setitimer(ITIMER_PROF, &value, NULL));
  pthread_t t; pthread_create(&t, NULL, thread, NULL);
  while (tid == 0) usleep(1000);
  struct sigevent signal_event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_ptr = (void *)0x1234567890 };
  struct sigevent thread_event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2, ._sigev_un._tid = tid };
  struct sigevent none_event = { .sigev_notify = SIGEV_NONE };
  timer_t gaps[3];
  make(CLOCK_REALTIME, &signal_event, 10, 1000);
  for (int i = 0; i < 3; i++) gaps[i] = make(CLOCK_MONOTONIC, &none_event, 0, 0);
  make(CLOCK_MONOTONIC, &thread_event, 0, 2000);
  make(CLOCK_BOOTTIME, &none_event, 1, 3000);
  make(CLOCK_PROCESS_CPUTIME_ID, &signal_event, 0, 4000);
  make(CLOCK_MONOTONIC, &signal_event, 0, 0);
  for (int i = 0; i < 3; i++) CHECK(timer_delete(gaps[i]));
  for (;;) pause();
}
`;
