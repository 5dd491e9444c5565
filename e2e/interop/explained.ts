import type { Explained } from '../image-diff/diff.js';

/** What ours leaves out, and a restore by CRIU does without; and the other way round. */
export const leftOut: readonly Explained[] = [
  { difference: /^pagemap-\d+\.img: 1 of \d+ pages gone/, because: 'CRIU writes a system call into the program\'s code, and finds its own private copy of that page' },
  { difference: /^core-\d+\.img\[0\]\.tc\.(signalsS\.signals\[0\]|stopWaited): undefined → /, because: 'of a stopped process: CRIU stops it once more when it lets it run on, and can not tell whether its parent has heard of it' },
  { difference: /^ipcns-shm-\d+\.img\[\d+\]\.message\.creatorPid: undefined → /, because: 'a field of our own: who made the segment' },
  { difference: /^cgroup\.img: (there|absent)/, because: 'CRIU writes one without an entry where the tree lives in its own cgroups' },
  { difference: /^files\.img\[\d+\]\.usk\.peer(Pid|Uid|Gid|Groups).*: undefined → /, because: 'CRIU does not keep whom a unix socket tells of as its peer' },
];

/** What differs between two dumps of a program that ran on in between. */
export const itRanOn: readonly Explained[] = [
  { difference: /^pagemap-(shmem-)?\d+\.img: (\d+) of \d+ pages changed/, because: 'it wrote to its memory' },
  { difference: /^core-\d+\.img\[0\]\.threadInfo\.(gpregs|fpregs)\./, because: 'registers: it was somewhere else' },
  { difference: /^files\.img\[\d+\]\.reg\.(pos|size): /, because: 'it wrote to its output' },
  { difference: /^timens-\d+\.img/, because: 'the clock ran on' },
  { difference: /^tty-info\.img\[\d+\]\.termios(Locked)?\.cCc\[([89]|1\d)\]/, because: 'there are 19 keys in 8 of 19 numbers: CRIU leaves the others as it found its memory' },
  { difference: /^inventory\.img\[0\]\.(dumpUptime|dumpCriuRunId)/, because: 'of the dump, not of the program' },
];

/** What a restore leaves behind in the kernel's notes about a process. */
export const itWasRestored: readonly Explained[] = [
  { difference: /^core-\d+\.img\[0\]\.tc\.flags: /, because: 'PF_SUPERPRIV and PF_FORKNOEXEC (linux/sched.h): it has used privileges, and it was never executed' },
  { difference: /^files\.img\[\d+\]\.usk\.peerPid: \d+ → \d+$/, because: 'whoever restored the images that lack it was the peer, and is no process of the tree' },
];
