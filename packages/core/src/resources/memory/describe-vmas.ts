import { MADV, MAP, O } from '@criu-ts/kernel/abi';
import type { vma_entry } from '@criu-ts/images';
import { mapFilePath, type SmapsEntry, type VmFlags } from '@criu-ts/kernel/procfs';
import { lstatSync } from 'node:fs';
import { Unsupported } from '../../errors.js';
import { hugeSizeFlag } from './hugetlb.js';
import { VMA } from './vma-status.js';

/** Where a mapped file gets its number in the images. */
export interface MappedFiles {
  /** Of the file below /proc/PID/map_files, opened with these flags (O_RDONLY or O_RDWR). */
  idOfMapped(pid: number, mapping: SmapsEntry, flags: number): number;
}

export interface DescribedVma {
  readonly entry: vma_entry;
  readonly start: number;
  readonly end: number;
  /** As /proc/PID/maps shows it. */
  readonly name: string;
}

export interface VmaContext {
  readonly pid: number;
  /** Device of anonymous shared memory and memfds, as maps shows it: `major:minor`. */
  readonly shmemDevice: string;
  readonly files: MappedFiles;
  refuse(problem: Unsupported): void;
  /** @see DumpContext.noteSharedMemory */
  noteSharedMemory(shmid: bigint, procPath: string): void;
  /** @see DumpContext.sharedMemoryId */
  sharedMemoryId(inode: bigint, huge?: boolean): bigint;
  /** Bytes of a page of a hugetlbfs mapping. */
  hugePageSize(mapping: SmapsEntry): number;
}

/** VmFlags that the image has no word for, and that change what a program sees. */
const UNSUPPORTED_FLAGS = {
  um: ['it is registered with a userfaultfd', 'dump it when its userfaultfd is closed'],
  uw: ['it is registered with a userfaultfd', 'dump it when its userfaultfd is closed'],
  ui: ['it is registered with a userfaultfd', 'dump it when its userfaultfd is closed'],
  ss: ['shadow stacks are not supported yet', 'start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off'],
} as const;

/** MADV_* by the VmFlags code that shows them; the image keeps a bit for each. */
const ADVICE = { sr: MADV.SEQUENTIAL, rr: MADV.RANDOM, dc: MADV.DONTFORK, dd: MADV.DONTDUMP, mg: MADV.MERGEABLE, hg: MADV.HUGEPAGE, nh: MADV.NOHUGEPAGE, wf: MADV.WIPEONFORK } as const;
const adviceCodes = Object.keys(ADVICE) as (keyof typeof ADVICE)[];

/** The mappings of a process as the images have them; every one that can't be kept is refused by name. */
export function describeVmas(smaps: readonly SmapsEntry[], context: VmaContext): DescribedVma[] {
  const described: DescribedVma[] = [];
  for (const mapping of smaps) {
    const entry = describe(mapping, context, described.at(-1));
    if (entry === undefined) continue;
    const last = described.at(-1);
    // The kernel shows the vvar area in two parts since 6.13, images have it as one.
    if (last !== undefined && entry.status & VMA.VVAR && last.entry.status & VMA.VVAR && last.end === mapping.start) {
      described[described.length - 1] = { entry: { ...last.entry, end: entry.end }, start: last.start, end: mapping.end, name: last.name };
    } else described.push({ entry, start: mapping.start, end: mapping.end, name: mapping.name });
  }
  return described;
}

/** undefined: refused. */
function describe(mapping: SmapsEntry, context: VmaContext, previous: DescribedVma | undefined): vma_entry | undefined {
  const { name, flags } = mapping;
  const entry: vma_entry = {
    start: BigInt(mapping.start),
    end: BigInt(mapping.end),
    pgoff: 0n,
    shmid: 0n,
    prot: mapping.prot,
    flags: (mapping.shared ? MAP.SHARED : MAP.PRIVATE) ^ meaningOf(flags).mapFlags,
    status: 0,
    fd: -1n,
  };
  const { madv, lockOnFault, sealed } = meaningOf(flags);
  if (madv !== 0n) entry.madv = madv;
  if (lockOnFault) entry.lockOnFault = true;
  if (sealed) entry.sealed = true;
  switch (name) {
    case '[vsyscall]':
      entry.status = VMA.VSYSCALL | VMA.ANON_PRIVATE;
      entry.flags |= MAP.ANONYMOUS;
      return entry;
    case '[vdso]':
      entry.status = VMA.REGULAR | VMA.VDSO | VMA.ANON_PRIVATE;
      entry.flags |= MAP.ANONYMOUS;
      return entry;
    case '[vvar]':
    case '[vvar_vclock]':
      entry.status = VMA.REGULAR | VMA.VVAR | VMA.ANON_PRIVATE;
      entry.flags |= MAP.ANONYMOUS;
      return entry;
    case '[uprobes]':
      return refuse(mapping, context, 'a uprobe is active in it', 'remove the uprobe (perf, bpftrace, …) first');
  }
  const meaning = meaningOf(flags);
  if (mapping.protectionKey !== undefined && mapping.protectionKey !== 0) return refuse(mapping, context, 'memory protection keys are not supported yet', 'run it without pkey_mprotect(2)');
  if (meaning.refusal !== undefined) return refuse(mapping, context, ...meaning.refusal);
  // File systems mark their device mappings so; a shared file on DAX is one of its own kind.
  if ((flags.has('io') || flags.has('pf')) && !(mapping.shared && name.startsWith('/'))) return refuse(mapping, context, 'it maps a device', 'close the device first');
  if (flags.has('ht')) return describeHuge(mapping, entry, context, previous);
  if (isSegment(mapping, context)) return describeSegment(mapping, entry);
  if (mapping.inode === 0n) {
    if (mapping.shared) return refuse(mapping, context, 'shared memory without an inode is unknown', 'please report it');
    entry.status = VMA.REGULAR | VMA.ANON_PRIVATE | (name === '[heap]' ? VMA.HEAP : 0);
    if (name.startsWith('[anon:')) entry.anonName = name.slice('[anon:'.length, -1);
    entry.flags |= MAP.ANONYMOUS;
    return entry;
  }
  return describeFile(mapping, entry, context, previous);
}

/** System V shared memory; the first segment of all has the number 0, for which no other file is known. */
function isSegment({ name, shared, devMajor, devMinor }: SmapsEntry, { shmemDevice }: VmaContext): boolean {
  return shared && name.startsWith('/SYSV') && `${devMajor}:${devMinor}` === shmemDevice;
}

/** Mappings of hugetlbfs: the kernel's own files for anonymous memory, segments and memfds. */
function describeHuge(mapping: SmapsEntry, entry: vma_entry, context: VmaContext, previous: DescribedVma | undefined): vma_entry | undefined {
  const { name, shared } = mapping;
  entry.flags |= MAP.HUGETLB | hugeSizeFlag(context.hugePageSize(mapping));
  if (shared && name.startsWith('/SYSV')) return describeSegment(mapping, entry);
  if (name.startsWith('/memfd:')) return describeFile(mapping, entry, context, previous);
  if (!name.startsWith('/anon_hugepage')) return refuse(mapping, context, 'files of a hugetlbfs are not supported', 'use MAP_HUGETLB or memfd_create(2) instead');
  entry.flags |= MAP.ANONYMOUS;
  entry.status = VMA.REGULAR | (shared ? VMA.ANON_SHARED : VMA.ANON_PRIVATE);
  if (!shared) return entry;
  entry.pgoff = BigInt(mapping.offset);
  entry.shmid = context.sharedMemoryId(mapping.inode, true);
  context.noteSharedMemory(entry.shmid, mapFilePath(context.pid, mapping));
  return entry;
}

function describeSegment(mapping: SmapsEntry, entry: vma_entry): vma_entry {
  entry.status = VMA.REGULAR | VMA.ANON_SHARED | VMA.SYSVIPC;
  entry.flags |= MAP.ANONYMOUS;
  entry.pgoff = BigInt(mapping.offset);
  entry.shmid = mapping.inode;
  // What was attached by SHM_RDONLY can't be made writable (ipc/shm.c, do_shmat).
  entry.fdflags = mapping.flags.has('mw') ? O.RDWR : O.RDONLY;
  return entry;
}

function describeFile(mapping: SmapsEntry, entry: vma_entry, context: VmaContext, previous: DescribedVma | undefined): vma_entry | undefined {
  entry.pgoff = BigInt(mapping.offset);
  const device = `${mapping.devMajor}:${mapping.devMinor}`;
  const named = mapping.name.startsWith('[anon_shmem:');
  if (device === context.shmemDevice && (named || mapping.name.startsWith('/dev/zero')) && mapping.shared) {
    if (named) entry.anonName = mapping.name.slice('[anon_shmem:'.length, -1);
    entry.status = VMA.REGULAR | VMA.ANON_SHARED;
    entry.flags |= MAP.ANONYMOUS;
    entry.shmid = context.sharedMemoryId(mapping.inode);
    context.noteSharedMemory(entry.shmid, mapFilePath(context.pid, mapping));
    return entry;
  }
  if (mapping.name.startsWith('/[aio]')) {
    entry.status = VMA.AIORING;
    entry.fdflags = O.RDWR;
    return entry;
  }
  if (mapping.name.startsWith('anon_inode:') && mapping.name !== 'anon_inode:[io_uring]') return refuse(mapping, context, `mappings of ${mapping.name} are not supported`, 'close it first');
  const kind = mapping.name.startsWith('socket:[') ? VMA.SOCKET : mapping.shared ? VMA.FILE_SHARED : VMA.FILE_PRIVATE;
  entry.status = VMA.REGULAR | kind | ((device === context.shmemDevice && kind !== VMA.SOCKET) || entry.flags & MAP.HUGETLB ? VMA.MEMFD : 0);
  // What a private mapping needs of its file is reading; only for a shared one it matters how the file was opened.
  const openFlags = mapping.shared ? openFlagsOf(context.pid, mapping) : O.RDONLY;
  entry.fdflags = openFlags;
  entry.shmid = sameFile(previous, mapping, openFlags) ?? BigInt(context.files.idOfMapped(context.pid, mapping, openFlags));
  files.set(entry, mapping);
  return entry;
}

/** The mapping that an entry was made from: neighbours mostly map the same file. */
const files = new WeakMap<vma_entry, SmapsEntry>();

function sameFile(previous: DescribedVma | undefined, mapping: SmapsEntry, openFlags: number): bigint | undefined {
  if (previous === undefined || previous.entry.fdflags !== openFlags) return undefined;
  const other = files.get(previous.entry);
  const same = other?.inode === mapping.inode && other.devMajor === mapping.devMajor && other.devMinor === mapping.devMinor && other.name === mapping.name;
  return same ? previous.entry.shmid : undefined;
}

/** The permission bits of a link in map_files are the modes that its file was opened with (fs/proc/base.c, map_files_instantiate). */
function openFlagsOf(pid: number, mapping: SmapsEntry): number {
  const mode = lstatSync(mapFilePath(pid, mapping)).mode & 0o600;
  return mode === 0o600 ? O.RDWR : mode === 0o200 ? O.WRONLY : O.RDONLY;
}

/** What VmFlags mean for a restore. */
interface FlagsMeaning {
  /** MAP_* to be flipped on top of MAP_SHARED or MAP_PRIVATE. */
  readonly mapFlags: number;
  /** A bit for each MADV_*. */
  readonly madv: bigint;
  readonly lockOnFault: boolean;
  readonly sealed: boolean;
  /** Why such a mapping can't be kept, and the way out. */
  readonly refusal: readonly [what: string, hint: string] | undefined;
}

/** Thousands of mappings have the same few sets of flags, each one object. */
const meanings = new WeakMap<VmFlags, FlagsMeaning>();

function meaningOf(flags: VmFlags): FlagsMeaning {
  let meaning = meanings.get(flags);
  if (meaning === undefined) {
    // A droppable mapping is neither shared nor private.
    const mapFlags = (flags.has('dp') ? MAP.PRIVATE | MAP.DROPPABLE : 0) | (flags.has('gd') ? MAP.GROWSDOWN : 0) | (flags.has('lo') ? MAP.LOCKED : 0) | (flags.has('nr') ? MAP.NORESERVE : 0);
    const madv = adviceCodes.reduce((bits, code) => (flags.has(code) ? bits | (1n << BigInt(ADVICE[code])) : bits), 0n);
    const unsupported = (Object.keys(UNSUPPORTED_FLAGS) as (keyof typeof UNSUPPORTED_FLAGS)[]).find((code) => flags.has(code));
    const refusal =
      unsupported !== undefined
        ? UNSUPPORTED_FLAGS[unsupported]
        : flags.unknown.length > 0
          ? ([`its VmFlags have ${flags.unknown.join(' ')}, which this version does not know`, 'use a newer criu-ts'] as const)
          : undefined;
    meaning = { mapFlags, madv, lockOnFault: flags.has('lf'), sealed: flags.has('sl'), refusal };
    meanings.set(flags, meaning);
  }
  return meaning;
}

function refuse(mapping: SmapsEntry, context: VmaContext, what: string, hint: string): undefined {
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  context.refuse(new Unsupported('vma', what, { object: `mapping ${range}${mapping.name === '' ? '' : ` ${mapping.name}`}`, task: { pid: context.pid }, hint }));
  return undefined;
}
