// Threads, signals, timers, tracing.
import { MAP, PR, PROT, PTRACE, PTRACE_O, SYS } from '@criu-ts/kernel/abi';
import { readMaps } from '@criu-ts/kernel/procfs';
import { open, rawSyscall, SyscallFailed, tryPtrace } from '@criu-ts/kernel/sys';
import { readFileSync } from 'node:fs';
import { text } from './bench.js';
import { type Feature, feature, ownFeature } from './feature.js';

const EEXIST = -17;
const O_RDONLY = 0;
const SECCOMP_SET_MODE_FILTER = 1;
const PTRACE_POKEUSER = 6;
/** offsetof(struct user, u_debugreg), sys/user.h */
const DEBUG_REGISTERS = 848;
const ARCH_MAP_VDSO_32 = 0x2002;
const ARCH_MAP_VDSO_64 = 0x2003;

/** EEXIST: the kernel knows the call; the vdso that is there already is in the way, nothing else. */
const canMap = (code: number): Feature['probe'] => ({ withPuppet }) => withPuppet((puppet) => {
  const result = puppet.attempt(SYS.arch_prctl, code, 0x1000_0000);
  return result === EEXIST || result > 0;
});

export const taskFeatures: readonly Feature[] = [
  ownFeature('posix_timers', 'extra', { neededFor: 'dumping POSIX timers (/proc/PID/timers)', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE', since: '3.10' }, () => open('/proc/self/timers', O_RDONLY)[Symbol.dispose]() === undefined),
  feature('timer_cr_ids', 'extra', { neededFor: 'making POSIX timers with their ids at once', without: 'timers are made and deleted until the id comes; only slow where ids are high', since: '6.15' }, () => rawSyscall(SYS.prctl, PR.TIMER_CREATE_RESTORE_IDS, PR.TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0) >= 0),
  feature('seccomp_suspend', 'extra', { neededFor: 'steering processes under a seccomp filter', without: 'run the program without seccomp; a kernel with CONFIG_CHECKPOINT_RESTORE and CONFIG_SECCOMP', since: '4.3' }, ({ withPuppet }) =>
    withPuppet(({ tracee }) => {
      tracee.request(PTRACE.SETOPTIONS, 0, PTRACE_O.EXITKILL | PTRACE_O.SUSPEND_SECCOMP);
      return true;
    }),
  ),
  feature('seccomp_filters', 'extra', { neededFor: 'dumping seccomp filters', without: 'run the program without seccomp; CAP_SYS_ADMIN, and no seccomp filter over criu-ts itself', since: '4.4' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      puppet.batch((b) => {
        b.call(SYS.prctl, PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        // struct sock_filter: BPF_RET | BPF_K, SECCOMP_RET_ALLOW
        const program = b.bytes(Buffer.from('060000000000ff7f', 'hex'));
        const fprog = b.struct(16);
        fprog.view.setUint16(0, 1, true);
        fprog.view.setBigUint64(8, BigInt(program), true);
        b.call(SYS.seccomp, SECCOMP_SET_MODE_FILTER, 0, fprog.address);
      });
      const length = tryPtrace(PTRACE.SECCOMP_GET_FILTER, puppet.tracee.tid, 0, 0);
      if (length < 0) throw new SyscallFailed('ptrace(PTRACE_SECCOMP_GET_FILTER)', -length);
      return length === 1;
    }),
  ),
  feature('get_rseq_conf', 'extra', { neededFor: 'dumping threads that use restartable sequences (glibc 2.35 and newer)', without: 'run the program with GLIBC_TUNABLES=glibc.pthread.rseq=0', since: '5.13' }, ({ memory, withPuppet }) =>
    withPuppet(({ tracee }) => {
      tracee.request(PTRACE.GET_RSEQ_CONFIGURATION, 24, memory.address);
      return true;
    }),
  ),
  feature('loginuid', 'extra', { neededFor: 'restoring the login user of processes (audit)', without: 'CAP_AUDIT_CONTROL; otherwise the login user is lost', since: 'CONFIG_AUDITSYSCALL' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      const value = readFileSync(`/proc/${puppet.tracee.pid}/loginuid`, 'latin1').trim();
      puppet.batch((b) => {
        const fd = b.call(SYS.openat, -100, text(b, '/proc/self/loginuid'), 2, 0);
        b.expect(value.length, SYS.write, fd, b.bytes(Buffer.from(value)), value.length);
      });
      return true;
    }),
  ),
  feature('can_map_vdso', 'extra', { neededFor: 'putting the vdso at any place of a blank process', without: 'it is moved instead (mremap)', since: '4.8' }, canMap(ARCH_MAP_VDSO_64)),
  feature('compat_cr', 'experimental', { neededFor: '32-bit processes', without: 'a kernel with CONFIG_IA32_EMULATION', since: '4.12' }, canMap(ARCH_MAP_VDSO_32)),
  feature('breakpoints', 'named', { neededFor: 'catching a task at an instruction by a debug register', without: 'system calls are traced instead, a little slower', since: '2.6.33' }, ({ withPuppet }) =>
    withPuppet(({ tracee }) => {
      tracee.request(PTRACE_POKEUSER, DEBUG_REGISTERS, 0x1000_0000);
      tracee.request(PTRACE_POKEUSER, DEBUG_REGISTERS + 7 * 8, 1);
      return true;
    }),
  ),
  feature('ns_pid', 'extra', { neededFor: 'PIDs inside of PID namespaces (NSpid in /proc/PID/status)', without: 'run criu-ts in the PID namespace of the processes', since: '4.1' }, () => /^NSpid:/m.test(readFileSync('/proc/self/status', 'latin1'))),
  feature('aio_remap', 'extra', { neededFor: 'restoring rings of asynchronous I/O (io_setup)', without: 'run the program without native AIO', since: '3.19, CONFIG_AIO' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      const { pid } = puppet.tracee;
      const area = puppet.call(SYS.mmap, 0, 4096, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
      puppet.call(SYS.io_setup, 1, area);
      const ring = Number(Buffer.from(puppet.tracee.read(area, 8)).readBigUInt64LE());
      const mapping = readMaps(pid).find(({ start }) => start === ring);
      if (mapping === undefined) return 'the ring is no mapping';
      const size = mapping.end - ring;
      const free = puppet.call(SYS.mmap, 0, size, PROT.NONE, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
      puppet.call(SYS.mremap, ring, size, size, 3, free);
      // By its new address it is known; by the old one it would not be.
      return puppet.attempt(SYS.io_destroy, free) === 0;
    }),
  ),
  feature('apparmor_stacking', 'named', { neededFor: 'processes under stacked AppArmor profiles', without: 'run the container without its own AppArmor namespace; a kernel with CONFIG_SECURITY_APPARMOR', since: '4.13' }, () =>
    readFileSync('/sys/kernel/security/apparmor/features/domain/stack', 'latin1').trim() === 'yes',
  ),
];
