// io_uring_setup(2): an idle ring. What it is going to do can't be read back; one that does nothing is its memory and
// two counters.
import { fd_types, type io_uring_entry } from '@criu-ts/images';
import { F, IORING_ENTER, IORING_REGISTER, SYS } from '@criu-ts/kernel/abi';
import type { IoUringInfo } from '@criu-ts/kernel/procfs';
import { fcntl, Memory, OwnedFd, rawSyscall } from '@criu-ts/kernel/sys';
import { HostLacks, ImageCorrupt, toCriuError, Unsupported } from '../../errors.js';
import { setSignal } from '../../files/fown.js';
import { bytesOf, hasOrdinaryLayout, makeRing, ringHolders, RingMemory, sizeOfRings, wind } from '../../files/io-uring-ring.js';
import { part } from '../../files/message-part.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileKind, FileRestoreContext } from '../file-kind.js';

/** Two seconds of doing nothing. */
const MOST_REQUESTS = 1 << 26;
/** Largest queue of submissions, IORING_MAX_ENTRIES; of completions, twice as many. */
const MOST_ENTRIES = 32_768;
/** Groups of buffers are numbered by the program, in practice from 0 on; asking for one costs 1.5 µs, while it stands still. */
const BUFFER_GROUPS = 4096;
const NO_GROUP = 1 << 16;
const [ENOENT, EBADF, EFAULT, EINVAL] = [2, 9, 14, 22];

/** How to do without, where there is a switch (for `explain`). */
const SWITCHES: readonly (readonly [comm: RegExp, hint: string])[] = [
  [/^node|^npm/, 'start it with UV_USE_IO_URING=0'],
  [/^nginx/, 'configure nginx with `aio off` or `aio threads`'],
  [/^postgres/, 'start postgres with io_method=worker'],
  [/^maria|^mysql/, 'start it with innodb_use_native_aio=OFF'],
  [/^qemu/, 'start qemu with aio=threads for its drives'],
  [/^fio/, 'choose another ioengine'],
];

export function withoutRings(comm: string | undefined): string {
  return SWITCHES.find(([pattern]) => pattern.test(comm ?? ''))?.[1] ?? 'start the program with io_uring turned off, or dump it when its ring is idle';
}

const COUNTS: readonly { readonly wrong: (ring: IoUringInfo) => boolean; readonly what: string; readonly why: string }[] = [
  { wrong: ({ sqThread }) => sqThread !== -1, what: 'an io_uring with a kernel thread that polls it (IORING_SETUP_SQPOLL) is not supported', why: 'its thread can not be given a state' },
  { wrong: ({ files }) => files > 0, what: 'an io_uring with registered files is not supported', why: 'the kernel does not tell how they were registered' },
  { wrong: ({ buffers }) => buffers > 0, what: 'an io_uring with registered buffers is not supported', why: "the kernel offers no way to read back an io_uring's registered buffers" },
  { wrong: ({ lists, napi }) => lists.includes('Personalities') || napi, what: 'an io_uring with registered personalities or busy polling is not supported', why: 'the kernel does not tell all of it' },
  { wrong: ({ lists }) => lists.includes('CqOverflowList'), what: 'an io_uring with more completions than its queue holds is not supported', why: 'those beyond lie in the kernel' },
  {
    wrong: ({ sqHead, sqTail, cachedSqHead, cachedCqTail, cqTail, lists }) => lists.length > 0 || sqHead !== sqTail || cachedSqHead !== sqTail || cachedCqTail !== cqTail || cachedSqHead !== cachedCqTail,
    what: 'an io_uring with requests in flight is not supported',
    why: 'requests that the kernel has begun can not be read back',
  },
  { wrong: ({ cachedSqHead }) => cachedSqHead > MOST_REQUESTS, what: 'an io_uring that has carried out so many requests is not supported', why: `a restore has to wind its counters up, one by one; up to ${MOST_REQUESTS} are allowed` },
];

/** What fdinfo does not show, and calls that tell it and change nothing. `expected`: the errno of an ordinary ring. */
const PROBES: readonly { readonly call: (ring: number) => number; readonly expected: readonly number[]; readonly what: string }[] = [
  { call: (ring) => rawSyscall(SYS.io_uring_register, ring, IORING_REGISTER.PROBE, 0, 0), expected: [-EINVAL, -EFAULT], what: 'an io_uring that is bound to a thread (IORING_SETUP_SINGLE_ISSUER), or restricted, is not supported' },
  { call: (ring) => rawSyscall(SYS.io_uring_enter, ring, 0, 0, IORING_ENTER.GETEVENTS, 0, 0), expected: [0], what: 'an io_uring that is disabled, or bound to a thread (IORING_SETUP_DEFER_TASKRUN), is not supported' },
  // Without an eventfd to register: EBUSY where there is one already.
  { call: (ring) => rawSyscall(SYS.io_uring_register, ring, IORING_REGISTER.EVENTFD, 0, 1), expected: [-EFAULT, -EBADF], what: 'an io_uring with an eventfd is not supported' },
];

export const ioUring: FileKind<IoUringInfo> = {
  name: 'io_uring',
  type: fd_types.IO_URING,
  recognises: ({ link, info }) => link === 'anon_inode:[io_uring]' && info !== undefined,

  judge(file, at) {
    for (const { pid } of at.holders) ringHolders(at).add(pid);
    const hint = withoutRings(file.task.comm);
    const { info } = file;
    if (info?.ioUring === undefined) throw new Unsupported('file', 'the io_uring shows no state (fdinfo)', { why: 'another task is at work in it, or the kernel is older than 5.19', hint });
    const wrong = COUNTS.find((row) => row.wrong(info.ioUring as IoUringInfo));
    if (wrong !== undefined) throw new Unsupported('file', wrong.what, { why: wrong.why, hint });
    using fd = file.open();
    const odd = PROBES.find(({ call, expected }) => !expected.includes(call(fd.number)));
    if (odd !== undefined) throw new Unsupported('file', odd.what, { hint });
    if (hasBufferGroups(fd)) throw new Unsupported('file', 'an io_uring with provided buffers is not supported', { why: 'the kernel does not tell what is in them', hint });
    return info.ioUring;
  },

  capture(file, at, info) {
    using fd = file.open();
    // One of the same size tells where things lie.
    const { fd: twin, params, layout } = makeRing(info.sqEntries, info.cqEntries);
    twin[Symbol.dispose]();
    using memory = new RingMemory(fd, params);
    if (!hasOrdinaryLayout(memory.rings, params)) {
      throw new Unsupported('file', 'an io_uring of another layout (IORING_SETUP_CQE32, _SQE128, _NO_SQARRAY) is not supported', { hint: withoutRings(file.task.comm) });
    }
    return {
      ioUring: {
        id: at.id,
        flags: file.flags,
        fown: file.fown,
        sqEntries: info.sqEntries,
        cqEntries: info.cqEntries,
        features: params.features,
        layout,
        submitted: info.cachedSqHead,
        rings: bytesOf(memory.rings).slice(),
        entries: bytesOf(memory.entries).slice(),
      },
    };
  },

  preflight(entry, at) {
    ring(entry.id, part(entry, 'ioUring'), at);
  },

  reopen(entry, at) {
    const message = part(entry, 'ioUring');
    const fd = duplicate(ring(entry.id, message, at));
    setFlags(fd, message.flags);
    setSignal(fd, message.fown);
    return fd;
  },

  // Mappings are of the ring itself.
  openForMapping: (entry, _flags, at) => duplicate(ring(entry.id, part(entry, 'ioUring'), at)),
  // io_uring/memmap.c, io_uring_get_unmapped_area
  choosesPlace: true,
  fown: ({ ioUring: message }) => message?.fown,
};

const duplicate = (fd: OwnedFd): OwnedFd => new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));

/** struct io_uring_buf_status: the group's number first. */
const status = new Memory(40);

/** IORING_REGISTER_PBUF_STATUS (since 6.8) knows groups of both kinds; ENOENT: there is none of that number. */
function hasBufferGroups(fd: OwnedFd): boolean {
  const ask = (group: number): number => {
    status.view.setUint32(0, group, true);
    return rawSyscall(SYS.io_uring_register, fd.number, IORING_REGISTER.PBUF_STATUS, status.address, 1);
  };
  // A number that no group can have: an older kernel does not know the question.
  if (ask(NO_GROUP) !== -ENOENT) return false;
  for (let group = 0; group < BUFFER_GROUPS; group++) if (ask(group) !== -ENOENT) return true;
  return false;
}

/** Made once for each ring, whoever maps or holds it. */
function ring(id: number, message: io_uring_entry, at: FileRestoreContext): OwnedFd {
  return at.shared(`io_uring:${id}`, () => {
    checkEntry(message);
    const fd = build(message);
    at.defer(() => fd[Symbol.dispose]());
    return fd;
  });
}

function checkEntry({ sqEntries, cqEntries, submitted }: io_uring_entry): void {
  const powerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;
  if (!powerOfTwo(sqEntries) || !powerOfTwo(cqEntries) || sqEntries > MOST_ENTRIES || cqEntries > 2 * MOST_ENTRIES || submitted > MOST_REQUESTS) throw new ImageCorrupt('there can be no such io_uring', { object: 'files.img' });
}

function build(message: io_uring_entry): OwnedFd {
  let made: ReturnType<typeof makeRing>;
  try {
    made = makeRing(message.sqEntries, message.cqEntries);
  } catch (error) {
    throw toCriuError(error, { why: 'this host makes no io_uring', hint: 'sysctl kernel.io_uring_disabled=0' });
  }
  try {
    const { params, layout } = made;
    if (Buffer.compare(layout, message.layout) !== 0 || (message.features & ~params.features) !== 0) {
      throw new HostLacks('kernel', "this kernel's io_uring has another layout, or can do less", { why: 'the program has pointers into the ring', hint: 'restore it on the kernel that it was dumped on' });
    }
    if (message.rings.length !== sizeOfRings(params) || message.entries.length !== params.sq_entries * 64) throw new ImageCorrupt('the memory of an io_uring has another size', { object: 'files.img' });
    using memory = new RingMemory(made.fd, params);
    wind(made, memory, message.submitted);
    // Sizes are the kernel's to say; all else is as the program left it.
    bytesOf(memory.rings).set(message.rings);
    bytesOf(memory.entries).set(message.entries);
    return made.fd;
  } catch (error) {
    made.fd[Symbol.dispose]();
    throw error;
  }
}
