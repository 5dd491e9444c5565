// /proc/PID/fdinfo/FD (proc_pid_fdinfo(5); the show_fdinfo of each kind of file in the kernel).
import { ProcFormatError, type UnknownField } from './errors.js';
import { type FileLock, parseFileLock } from './file-lock.js';
import { decimal, decimal64, fieldsOf, hex, hex64, linesOf, octal } from './lines.js';
import { listProcNumbers, type ProcTask, readProcText } from './read.js';

/** A descriptor watched by an epoll (fs/eventpoll.c ep_show_fdinfo). */
export interface EpollTarget {
  /** The number it was added under; that descriptor may be closed or another file by now. */
  readonly fd: number;
  /** EPOLL events, EPOLLONESHOT's disabled state included. */
  readonly events: number;
  readonly data: bigint;
  /** Position, inode and device (the kernel's encoding) of the file; undefined before 4.13. */
  readonly file: { readonly pos: bigint; readonly inode: bigint; readonly dev: number } | undefined;
}

/** fs/timerfd.c timerfd_show */
export interface TimerfdInfo {
  readonly clockId: number;
  /** Expirations not read yet. */
  readonly ticks: bigint;
  readonly settimeFlags: number;
  /** Time left; [seconds, nanoseconds]. */
  readonly value: readonly [bigint, bigint];
  readonly interval: readonly [bigint, bigint];
}

/** A file handle (name_to_handle_at(2)) as fs/notify/fdinfo.c shows it. */
export interface ShownHandle {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface InotifyWatch {
  readonly wd: number;
  readonly inode: bigint;
  /** The kernel's encoding: major << 20 | minor. */
  readonly dev: number;
  readonly mask: number;
  readonly ignoredMask: number;
  /** undefined: the file system cannot export handles. */
  readonly handle: ShownHandle | undefined;
}

export type FanotifyMark = {
  readonly markFlags: number;
  readonly mask: number;
  readonly ignoredMask: number;
} & (
  | { readonly on: 'inode'; readonly inode: bigint; readonly dev: number; readonly handle: ShownHandle | undefined }
  | { readonly on: 'mount'; readonly mountId: number }
  | { readonly on: 'filesystem'; readonly dev: number }
);

/** io_uring/fdinfo.c io_uring_show_fdinfo; nothing of it shows while another task has the ring locked */
export interface IoUringInfo {
  readonly sqEntries: number;
  readonly cqEntries: number;
  /** As the program sees them in the ring: free-running, modulo 2^32. */
  readonly sqHead: number;
  readonly sqTail: number;
  readonly cqHead: number;
  readonly cqTail: number;
  /** The kernel's own, which count. */
  readonly cachedSqHead: number;
  readonly cachedCqTail: number;
  /** Thread id of IORING_SETUP_SQPOLL's thread; −1 for none. */
  readonly sqThread: number;
  /** Registered files and buffers. */
  readonly files: number;
  readonly buffers: number;
  /** Headings of lists that have lines (`PollList`, `CqOverflowList`, `Personalities`), but for those that say what lies in the ring's memory. */
  readonly lists: readonly string[];
  /** IORING_REGISTER_NAPI */
  readonly napi: boolean;
}

export interface FdInfo {
  /** 0 for most files that have no position. */
  readonly pos: bigint;
  /** O.* as open files hold them, and O.CLOEXEC of this descriptor. */
  readonly flags: number;
  /** The id of mountinfo; 0 or an id that mountinfo lacks for the kernel's internal mounts. */
  readonly mountId: number;
  /** undefined before 5.14. */
  readonly inode: bigint | undefined;
  /** Locks that belong to this open file or, POSIX, to the process. */
  readonly locks: readonly FileLock[];
  /** eventfd: the counter. EFD_SEMAPHORE shows since 6.5; undefined before, then only a read of the counter can tell. */
  readonly eventfd: { readonly count: bigint; readonly semaphore: boolean | undefined } | undefined;
  readonly epoll: readonly EpollTarget[];
  readonly timerfd: TimerfdInfo | undefined;
  /** signalfd: the mask; signal 1 is bit 0. */
  readonly sigmask: bigint | undefined;
  readonly inotify: readonly InotifyWatch[];
  readonly fanotify: { readonly flags: number; readonly eventFlags: number; readonly marks: readonly FanotifyMark[] } | undefined;
  /** pidfd: PID in the PID namespace of the reader's /proc (0: not in it, −1: reaped) and in those below. */
  readonly pidfd: { readonly pid: number; readonly nsPid: readonly number[] } | undefined;
  /** The number of a pseudo-terminal's other end, for its master. */
  readonly ttyIndex: number | undefined;
  /** Interface of a tun device; '' when none is attached. */
  readonly tunInterface: string | undefined;
  /** Descriptors in flight in a unix socket's queue. */
  readonly scmFds: number | undefined;
  readonly ioUring: IoUringInfo | undefined;
  /** Lines that nobody here knows: state of a kind of file that is not supported, or of a newer kernel. */
  readonly unknown: readonly UnknownField[];
}

/** Numbers the kernel gives by chance, without meaning for what the file is. */
const ignored: ReadonlySet<string> = new Set(['eventfd-id']);

/** The descriptors of a task, ascending. @throws ProcessGone */
export function listFds(task: ProcTask): number[] {
  return listProcNumbers(task, 'fd');
}

/** @throws ProcessGone, ProcFormatError; ENOENT when there is no such descriptor */
export function readFdInfo(task: ProcTask, fd: number): FdInfo {
  return parseFdInfo(readProcText(task, `fdinfo/${fd}`));
}

/** @throws ProcFormatError */
export function parseFdInfo(text: string): FdInfo {
  const draft = new Draft();
  for (const line of linesOf(text)) {
    const [, key, value] = /^([^:\s]+)(?::|(?= ))[ \t]*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      // A kind of its own, such as a list below its heading.
      if (draft.ringHeading !== '') draft.ringLists.add(draft.ringHeading);
      else draft.unknown.push({ key: '', value: line });
      continue;
    }
    const parse = Object.hasOwn(parsers, key) ? parsers[key] : undefined;
    if (parse !== undefined) parse(draft, value, line);
    else if (!ignored.has(key)) draft.unknown.push({ key, value });
  }
  return draft.finish();
}

const file = 'fdinfo';
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Draft {
  pos: bigint | undefined;
  flags: number | undefined;
  mountId: number | undefined;
  inode: bigint | undefined;
  readonly locks: FileLock[] = [];
  count: bigint | undefined;
  semaphore: boolean | undefined;
  readonly epoll: EpollTarget[] = [];
  readonly timerfd: Partial<Mutable<TimerfdInfo>> = {};
  sigmask: bigint | undefined;
  readonly inotify: InotifyWatch[] = [];
  fanotify: { flags: number; eventFlags: number; marks: FanotifyMark[] } | undefined;
  pid: number | undefined;
  nsPid: number[] = [];
  ttyIndex: number | undefined;
  tunInterface: string | undefined;
  scmFds: number | undefined;
  readonly ring: Partial<Record<RingNumber, number>> = {};
  ringHeading = '';
  readonly ringLists = new Set<string>();
  napi = false;
  readonly unknown: UnknownField[] = [];

  finish(): FdInfo {
    const { pos, flags, mountId, inode, locks, epoll, sigmask, inotify, fanotify, ttyIndex, tunInterface, scmFds, unknown } = this;
    if (pos === undefined || flags === undefined || mountId === undefined) {
      throw new ProcFormatError(file, '', 'pos, flags or mnt_id is missing');
    }
    if (this.count === undefined && this.semaphore !== undefined) throw new ProcFormatError(file, 'eventfd-semaphore', 'no eventfd-count');
    return {
      pos,
      flags,
      mountId,
      inode,
      locks,
      eventfd: this.count === undefined ? undefined : { count: this.count, semaphore: this.semaphore },
      epoll,
      timerfd: this.#finishTimerfd(),
      sigmask,
      inotify,
      fanotify,
      pidfd: this.pid === undefined ? undefined : { pid: this.pid, nsPid: this.nsPid },
      ttyIndex,
      tunInterface,
      scmFds,
      ioUring: this.#finishRing(),
      unknown,
    };
  }

  #finishRing(): IoUringInfo | undefined {
    const { ring, ringLists, napi } = this;
    const { SqMask, CqMask, SqHead, SqTail, CqHead, CqTail, CachedSqHead, CachedCqTail, SqThread, UserFiles, UserBufs } = ring;
    if (SqMask === undefined) return undefined;
    if (CqMask === undefined || SqHead === undefined || SqTail === undefined || CqHead === undefined || CqTail === undefined || CachedSqHead === undefined || CachedCqTail === undefined || SqThread === undefined || UserFiles === undefined || UserBufs === undefined) {
      throw new ProcFormatError(file, 'SqMask', 'fields of the io_uring are missing');
    }
    // What these list is in the ring's memory.
    const lists = [...ringLists].filter((heading) => heading !== 'SQEs' && heading !== 'CQEs');
    return { sqEntries: SqMask + 1, cqEntries: CqMask + 1, sqHead: SqHead, sqTail: SqTail, cqHead: CqHead, cqTail: CqTail, cachedSqHead: CachedSqHead, cachedCqTail: CachedCqTail, sqThread: SqThread, files: UserFiles, buffers: UserBufs, lists, napi };
  }

  #finishTimerfd(): TimerfdInfo | undefined {
    const { clockId, ticks, settimeFlags, value, interval } = this.timerfd;
    if (clockId === undefined) return undefined;
    if (ticks === undefined || settimeFlags === undefined || value === undefined || interval === undefined) {
      throw new ProcFormatError(file, 'clockid', 'fields of the timerfd are missing');
    }
    return { clockId, ticks, settimeFlags, value, interval };
  }
}

const ringNumbers = ['SqMask', 'SqHead', 'SqTail', 'CachedSqHead', 'CqMask', 'CqHead', 'CqTail', 'CachedCqTail', 'SQEs', 'CQEs', 'SqThread', 'SqThreadCpu', 'SqTotalTime', 'SqWorkTime', 'UserFiles', 'UserBufs'] as const;
type RingNumber = (typeof ringNumbers)[number];
const ringHeadings = ['PollList', 'CqOverflowList', 'Personalities', 'NAPI'] as const;

/** Decimal, or hexadecimal with its prefix (masks). */
const ringNumber = (text: string): number => (text.startsWith('0x') ? hex(file, text.slice(2)) : decimal(file, text));

const words = (text: string): string[] => text.split(/[\t ]+/).filter((word) => word !== '');

const timePair = (value: string, line: string): [bigint, bigint] => {
  const [seconds, nanoseconds] = fieldsOf(file, value, /^\((\d+), (\d+)\)$/);
  if (seconds === undefined) throw new ProcFormatError(file, line, 'no time');
  return [decimal64(file, seconds), decimal64(file, nanoseconds)];
};

/** `fhandle-bytes:8 fhandle-type:1 f_handle:e8f7030000000000`, all hexadecimal. */
const shownHandle = (text: string | undefined, line: string): ShownHandle | undefined => {
  if (text === undefined || text.trim() === '') return undefined;
  const [length, type, digits] = fieldsOf(file, text.trim(), /^fhandle-bytes:([0-9a-f]+) fhandle-type:([0-9a-f]+) f_handle:([0-9a-f]*)$/);
  const bytes = Uint8Array.from(Buffer.from(digits as string, 'hex'));
  if (bytes.length !== hex(file, length)) throw new ProcFormatError(file, line, 'the handle is cut');
  return { type: hex(file, type), bytes };
};

const fanotifyMark = (value: string, line: string): FanotifyMark => {
  const tail = / ?mflags:([0-9a-f]+) mask:([0-9a-f]+) ignored_mask:([0-9a-f]+)/;
  const [markFlags, mask, ignoredMask] = fieldsOf(file, value, tail);
  const common = { markFlags: hex(file, markFlags), mask: hex(file, mask), ignoredMask: hex(file, ignoredMask) };
  const [target = '', handle] = value.split(tail).filter((_, index) => index === 0 || index === 4);
  let match: RegExpExecArray | null;
  if ((match = /^ino:([0-9a-f]+) sdev:([0-9a-f]+)$/.exec(target)) !== null) {
    return { ...common, on: 'inode', inode: hex64(file, match[1]), dev: hex(file, match[2]), handle: shownHandle(handle, line) };
  }
  if ((match = /^mnt_id:([0-9a-f]+)$/.exec(target)) !== null) return { ...common, on: 'mount', mountId: hex(file, match[1]) };
  if ((match = /^sdev:([0-9a-f]+)$/.exec(target)) !== null) return { ...common, on: 'filesystem', dev: hex(file, match[1]) };
  throw new ProcFormatError(file, line, 'unknown fanotify mark');
};

const parsers: Readonly<Record<string, (draft: Draft, value: string, line: string) => void>> = {
  pos: (draft, value) => (draft.pos = decimal64(file, value)),
  flags: (draft, value) => (draft.flags = octal(file, value)),
  mnt_id: (draft, value) => (draft.mountId = decimal(file, value)),
  ino: (draft, value) => (draft.inode = decimal64(file, value)),
  lock: (draft, value) => draft.locks.push(parseFileLock(value)),
  // Hexadecimal, without a prefix.
  'eventfd-count': (draft, value) => (draft.count = hex64(file, value)),
  'eventfd-semaphore': (draft, value) => (draft.semaphore = decimal(file, value) !== 0),
  tfd(draft, value, line) {
    const [fd, events, data, , pos, inode, dev] = fieldsOf(
      file,
      value,
      /^(\d+) +events: +([0-9a-f]+) +data: +([0-9a-f]+)( +pos:(-?\d+) ino:([0-9a-f]+) sdev:([0-9a-f]+))?$/,
    );
    if (fd === undefined) throw new ProcFormatError(file, line, 'no descriptor');
    draft.epoll.push({
      fd: decimal(file, fd),
      events: hex(file, events),
      data: hex64(file, data),
      file: pos === undefined ? undefined : { pos: decimal64(file, pos), inode: hex64(file, inode), dev: hex(file, dev) },
    });
  },
  clockid: (draft, value) => (draft.timerfd.clockId = decimal(file, value)),
  ticks: (draft, value) => (draft.timerfd.ticks = decimal64(file, value)),
  settime(draft, value) {
    // "settime flags: 01"
    const [flags] = fieldsOf(file, value, /^flags: ([0-7]+)$/);
    draft.timerfd.settimeFlags = octal(file, flags);
  },
  it_value: (draft, value, line) => (draft.timerfd.value = timePair(value, line)),
  it_interval: (draft, value, line) => (draft.timerfd.interval = timePair(value, line)),
  sigmask: (draft, value) => (draft.sigmask = hex64(file, value)),
  inotify(draft, value, line) {
    const [wd, inode, dev, mask, ignoredMask, handle] = fieldsOf(
      file,
      value,
      /^wd:([0-9a-f]+) ino:([0-9a-f]+) sdev:([0-9a-f]+) mask:([0-9a-f]+) ignored_mask:([0-9a-f]+) ?(.*)$/,
    );
    draft.inotify.push({
      wd: hex(file, wd),
      inode: hex64(file, inode),
      dev: hex(file, dev),
      mask: hex(file, mask),
      ignoredMask: hex(file, ignoredMask),
      handle: shownHandle(handle, line),
    });
  },
  fanotify(draft, value, line) {
    const head = /^flags:([0-9a-f]+) event-flags:([0-9a-f]+)$/.exec(value);
    if (head !== null) draft.fanotify = { flags: hex(file, head[1]), eventFlags: hex(file, head[2]), marks: [] };
    else if (draft.fanotify === undefined) throw new ProcFormatError(file, line, 'a mark before the flags of its group');
    else draft.fanotify.marks.push(fanotifyMark(value, line));
  },
  Pid: (draft, value) => (draft.pid = decimal(file, value)),
  NSpid: (draft, value) => (draft.nsPid = words(value).map((word) => decimal(file, word))),
  'tty-index': (draft, value) => (draft.ttyIndex = decimal(file, value)),
  iff: (draft, value) => (draft.tunInterface = value),
  scm_fds: (draft, value) => (draft.scmFds = decimal(file, value)),
  ...Object.fromEntries(
    ringNumbers.map((name) => [
      name,
      (draft: Draft, value: string): void => {
        draft.ring[name] = ringNumber(value);
        draft.ringHeading = name;
      },
    ]),
  ),
  ...Object.fromEntries(
    ringHeadings.map((name) => [
      name,
      (draft: Draft, value: string): void => {
        draft.ringHeading = name;
        if (name === 'NAPI') draft.napi = value !== 'disabled';
      },
    ]),
  ),
};
