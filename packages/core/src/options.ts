import type { CgroupOptions } from './resources/cgroups/options.js';
import type { OnMoment } from './moments.js';
import type { CriuEvent, DumpStats, RestoreStats } from './events.js';

/** An AbortSignal, or what does as well: it is asked, not listened to. */
export type Cancellation = Pick<AbortSignal, 'aborted' | 'reason' | 'throwIfAborted'>;

/** What `dump()` and `restore()` have in common. */
export interface CommonOptions extends CgroupOptions {
  /** Directory of the images; it must exist. */
  readonly imagesDir: string;
  /** Where statistics and other by-products go; `imagesDir` where absent. */
  readonly workDir?: string;
  /** Allow a tree whose session or process group leader is outside of it (a shell's job). */
  readonly shellJob?: boolean;
  /** Allow a terminal whose master is outside of the tree; the restore makes a new one ({@link RestoreOptions.onOrphanMaster}). */
  readonly orphanPtsMaster?: boolean;
  /** Allow established TCP connections. */
  readonly tcpEstablished?: boolean;
  /** Allow unix sockets whose peer is outside of the tree. */
  readonly extUnixSk?: boolean;
  /** Allow file locks. */
  readonly fileLocks?: boolean;
  /** What lies outside of the tree and is to be left alone, in CRIU's words: `dev[1:3]:null`, `file[mnt:inode]`, `mnt[/x]:y` … */
  readonly external?: readonly string[];
  /** Root directory of the tree's mount namespace. */
  readonly root?: string;
  /** Stops the work at the next opportunity: everything is undone, then the promise is rejected with `signal.reason`. */
  readonly signal?: Cancellation;
  /** Called synchronously, in order; what it throws is ignored. Must be quick: tasks may be frozen meanwhile. */
  readonly onEvent?: (event: CriuEvent) => void;
  /** Called, and waited for, at moments such as `pre-dump`: CRIU's action scripts. Tasks may be frozen meanwhile. */
  readonly onMoment?: OnMoment;
  /** Emit a `syscall` event for every remote call: slow, off by default. */
  readonly traceSyscalls?: boolean;
  /** For tests of what a crash leaves behind. */
  readonly faultPoint?: FaultPoint;
}

/** At the END of the stage: SIGKILL ourselves, or throw. */
export interface FaultPoint {
  readonly stage: string;
  readonly action: 'kill' | 'throw';
}

export interface DumpOptions extends CommonOptions {
  /** Root of the tree, as seen from our pid namespace. */
  readonly pid: number;
  /** After the dump let the tree run on, instead of killing it. */
  readonly leaveRunning?: boolean;
  /** After the dump leave the tree stopped (as by SIGSTOP), instead of killing it. */
  readonly leaveStopped?: boolean;
  /** Compress pages (after the thaw). Absent: plain CRIU images. */
  readonly compress?: 'lz4';
  /** Add CRC32C checksums of the pages (after the thaw). */
  readonly checksum?: boolean;
  /** Largest unlinked file that is put into the images, in bytes. Default {@link DEFAULT_GHOST_LIMIT}. */
  readonly ghostLimit?: number;
  /** Allow to link unlinked files back into their directory, for files that are no ghosts (other names exist). */
  readonly linkRemap?: boolean;
  /** Use any path to a device file, even if the original one is not accessible. */
  readonly evasiveDevices?: boolean;
  /** A cgroup, as a directory: what is in it and not of the tree stands still too; where it is frozen, it is thawed for the dump. */
  readonly freezeCgroup?: string;
  /** Seconds that collecting and freezing of the tree may take. Default {@link DEFAULT_TIMEOUT}; 0: no limit. */
  readonly timeout?: number;
}

export interface RestoreOptions extends CommonOptions {
  /** Leave the tree stopped (as by SIGSTOP) instead of letting it run. */
  readonly leaveStopped?: boolean;
  /** Make the root task our sibling, not our child; `wait()` is then refused. */
  readonly sibling?: boolean;
  /** Descriptors of ours that take the place of open files in the images. */
  readonly inheritFds?: readonly InheritFd[];
  /** Namespaces that are there already, and take the place of those that the tree had of these kinds. What the images say of them is done to these. */
  readonly joinNamespaces?: readonly JoinNamespace[];
  /** Takes the master of a terminal that was dumped without it (CRIU's RPC: `orphan-pts-master`). */
  readonly onOrphanMaster?: (master: OrphanMaster) => void;
}

/** CRIU's `--join-ns NAME:PATH`. */
export interface JoinNamespace {
  /** As in /proc/PID/ns: `ipc`, `uts`, `time`. */
  readonly name: string;
  /** A file that leads to it: `/proc/PID/ns/ipc`, or where that is mounted. */
  readonly path: string;
}

/** The master of a pty whose other end alone was dumped. */
export interface OrphanMaster {
  /** Ours, open until the callback returns: duplicate it, or send it on. */
  readonly fd: number;
  /** N of /dev/pts/N. */
  readonly index: number;
}

/** CRIU's `--inherit-fd fd[FD]:RESOURCE`; RESOURCE is such as `tty[8800005:1]`, `pipe[12345]`, `socket[3]`, or a path without the leading slash. */
export interface InheritFd {
  readonly fd: number;
  readonly resource: string;
}

export interface DumpResult {
  readonly pid: number;
  /** Processes in the images; threads are not counted. */
  readonly tasks: number;
  readonly stats: DumpStats;
}

export interface RestoreResult {
  /** Of the root task, as seen from our pid namespace. */
  readonly pid: number;
  /** Processes restored; threads are not counted. */
  readonly tasks: number;
  readonly stats: RestoreStats;
  /** Waits until the root task ends (it is our child). */
  wait(): Promise<TaskEnd>;
}

/** How a process ended: by exit(2), or killed by a signal (its number). */
export type TaskEnd = { readonly exitCode: number } | { readonly signal: number };

/** CRIU's default: 1 MiB. */
export const DEFAULT_GHOST_LIMIT = 1024 * 1024;

/** CRIU's default: 10 s. */
export const DEFAULT_TIMEOUT = 10;
