import t from 'tap';
import { ProcFormatError } from './errors.js';
import { parseStat, readStat } from './stat.js';
import { parseStatus, readStatus } from './status.js';

const status = `Name:\ta\\n\\\\b c
Umask:\t0022
State:\tt (tracing stop)
Tgid:\t29856
Ngid:\t0
Pid:\t29857
PPid:\t28322
TracerPid:\t77
Uid:\t0\t1\t2\t4294967294
Gid:\t5\t6\t7\t8
FDSize:\t256
Groups:\t4 24 4294967294 
NStgid:\t29856\t1
NSpid:\t29857\t2
NSpgid:\t28322\t0
NSsid:\t7857\t0
Kthread:\t0
VmPeak:\t    3060 kB
VmLck:\t       8 kB
HugetlbPages:\t       0 kB
CoreDumping:\t0
THP_enabled:\t1
untag_mask:\t0xffffffffffffffff
Threads:\t3
SigQ:\t2/18446744073709551615
SigPnd:\t0000000000000001
ShdPnd:\t8000000000000000
SigBlk:\tfffffffe7ffbfeff
SigIgn:\t0000000000001000
SigCgt:\t0000000180004002
CapInh:\t0000000000000000
CapPrm:\t000001fffeffffff
CapEff:\t000001fffeffffff
CapBnd:\t000001fffeffffff
CapAmb:\t0000000000000400
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t3
Speculation_Store_Bypass:\tvulnerable
SpeculationIndirectBranch:\talways enabled
Cpus_allowed:\t3
Cpus_allowed_list:\t0-1
Mems_allowed:\t00000000,00000001
Mems_allowed_list:\t0
voluntary_ctxt_switches:\t0
nonvoluntary_ctxt_switches:\t0
x86_Thread_features:\tshstk wrss 
x86_Thread_features_locked:\t
`;

t.test('status', async (t) => {
  t.same(parseStatus(status), {
    name: 'a\n\\b c',
    umask: 0o22,
    state: 't',
    tgid: 29856,
    pid: 29857,
    ppid: 28322,
    tracerPid: 77,
    uid: { real: 0, effective: 1, saved: 2, fs: 4294967294 },
    gid: { real: 5, effective: 6, saved: 7, fs: 8 },
    groups: [4, 24, 4294967294],
    nsTgid: [29856, 1],
    nsPid: [29857, 2],
    nsPgid: [28322, 0],
    nsSid: [7857, 0],
    kthread: false,
    threads: 3,
    sigQueue: { queued: 2, limit: 18446744073709551615n },
    sigPnd: 1n,
    shdPnd: 1n << 63n,
    sigBlk: 0xfffffffe7ffbfeffn,
    sigIgn: 0x1000n,
    sigCgt: 0x180004002n,
    capInh: 0n,
    capPrm: 0x1fffeffffffn,
    capEff: 0x1fffeffffffn,
    capBnd: 0x1fffeffffffn,
    capAmb: 0x400n,
    noNewPrivs: true,
    seccomp: 2,
    seccompFilters: 3,
    speculationStoreBypass: 'vulnerable',
    speculationIndirectBranch: 'always enabled',
    thpEnabled: true,
    untagMask: 0xffff_ffff_ffff_ffffn,
    x86ThreadFeatures: ['shstk', 'wrss'],
    x86ThreadFeaturesLocked: [],
    cpusAllowed: '3',
    memsAllowed: '00000000,00000001',
    kib: { VmPeak: 3060, VmLck: 8, HugetlbPages: 0 },
    unknown: [],
  });
  t.same(parseStatus(status.replace('Groups:\t4 24 4294967294 ', 'Groups:\t ')).groups, [], 'no groups');
  t.same(parseStatus(`${status}Novel_state:\t7\n`).unknown, [{ key: 'Novel_state', value: '7' }], 'an unknown field surfaces');
});

t.test('malformed status', async (t) => {
  const bad: [name: string, text: string][] = [
    ['no SigBlk', status.replace(/SigBlk.*\n/, '')],
    ['three uids', status.replace('\t4294967294\n', '\n')],
    ['a line without a colon', `${status}oops\n`],
    ['a group that is no number', status.replace('4 24', '4 x')],
    ['a mask that is no hexadecimal number', status.replace('0000000000001000', 'xyz')],
    ['empty', ''],
  ];
  for (const [name, text] of bad) t.throws(() => parseStatus(text), ProcFormatError, name);
});

const stat =
  '29857 (cat) R 28322 28322 7857 34816 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 136340 3133440 415 18446744073709551615 94322562412544 94322562432425 140734305194992 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 94322562448432 94322562450048 94323372888064 140734305196757 140734305196777 140734305196777 140734305198059 9\n';

t.test('stat', async (t) => {
  t.same(parseStat(stat), {
    pid: 29857,
    comm: 'cat',
    state: 'R',
    ppid: 28322,
    pgrp: 28322,
    session: 7857,
    ttyNr: 34816,
    tpgid: -1,
    flags: 4194304,
    minflt: 99,
    majflt: 0,
    utime: 0,
    stime: 0,
    cutime: 0,
    cstime: 0,
    priority: 20,
    nice: 0,
    numThreads: 1,
    startTime: 136340,
    vsize: 3133440,
    rss: 415,
    startCode: 94322562412544,
    endCode: 94322562432425,
    startStack: 140734305194992,
    exitSignal: 17,
    processor: 1,
    rtPriority: 0,
    policy: 0,
    startData: 94322562448432,
    endData: 94322562450048,
    startBrk: 94323372888064,
    argStart: 140734305196757,
    argEnd: 140734305196777,
    envStart: 140734305196777,
    envEnd: 140734305198059,
    exitCode: 9,
  });
  const comms = ['a) R 1 (b', ')) (', '', 'x\ny', 'ä'];
  for (const comm of comms) {
    t.match(parseStat(Buffer.from(stat.replace('(cat)', () => `(${comm})`)).toString('latin1')), { comm, state: 'R', ppid: 28322 }, JSON.stringify(comm));
  }
});

t.test('malformed stat', async (t) => {
  const bad: [name: string, text: string][] = [
    ['no name', '1 R 2 3\n'],
    ['no PID', stat.replace('29857', 'x')],
    ['cut', stat.slice(0, 100)],
    ['a word for a number', stat.replace('136340', 'soon')],
  ];
  for (const [name, text] of bad) t.throws(() => parseStat(text), ProcFormatError, name);
});

t.test('ourselves', async (t) => {
  const own = readStatus('self');
  t.match(own, { pid: process.pid, ppid: process.ppid, uid: { real: process.getuid?.(), effective: process.geteuid?.() }, umask: process.umask() });
  t.same(own.unknown, []);
  // getgroups() of Node adds the effective gid.
  t.same([...new Set([...own.groups, own.gid.effective])].sort(), process.getgroups?.().sort());
  t.match(readStat('self'), { pid: process.pid, ppid: process.ppid, state: 'R', comm: own.name });
});
