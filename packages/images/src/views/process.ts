import type { Images } from '../checkpoint/image-cache.js';
import { ImageCorrupt } from '../errors.js';
import type { core_entry, task_kobj_ids_entry } from '../gen/core.js';
import { core_entry_march } from '../gen/core.js';
import type { creds_entry } from '../gen/creds.js';
import type { mm_entry } from '../gen/mm.js';
import type { pstree_entry } from '../gen/pstree.js';
import { IMAGE_TYPES } from '../image-types.js';
import { regionOf } from '../memory/memory-map.js';
import type { Region } from '../memory/memory-map.js';
import { VMA } from '../memory/vma-bits.js';
import type { PageLayers } from '../memory/page-layers.js';
import { ProcessMemory } from '../memory/process-memory.js';
import type { PagemapType } from '../pagemap/pagemap.js';
import { CLOCK, RLIMIT, SCHED_POLICY, TASK_STATE, named, signalName, signalsIn } from './names.js';
import { timerText } from './open-files.js';
import type { OpenFileView } from './open-files.js';

export interface ThreadView {
  readonly tid: number;
  readonly name: string;
  /** undefined where it is the process's */
  readonly credentials: creds_entry | undefined;
  readonly policy: string;
  readonly nice: number;
  readonly blockedSignals: readonly string[];
  readonly pendingSignals: number;
  readonly core: core_entry;
}

export interface DescriptorView {
  readonly fd: number;
  readonly closeOnExec: boolean;
  /** undefined where the images hold no such file */
  readonly file: OpenFileView | undefined;
}

export interface TimerView {
  /** "real", "virtual", "prof" for itimers; "posix 0" … */
  readonly name: string;
  readonly text: string;
}

/** Our dump's: the main thread has ended while others live on. */
const MAIN_ENDED = 1000;

/** What a process asks of the checkpoint that it is in: what it shares with others. */
export interface ProcessSurroundings {
  readonly images: Images;
  processes(): Promise<readonly ProcessView[]>;
  openFiles(): Promise<ReadonlyMap<number, OpenFileView>>;
  pageLayers(type: PagemapType, id: bigint, pageSize: number): Promise<PageLayers | undefined>;
  segment(id: bigint, pageSize: number): Promise<PageLayers | undefined>;
}

const AT_PAGESZ = 6n;
const FD_CLOEXEC = 1;

/** A process of the checkpoint. Each question is answered from its images, read when it is asked. */
export class ProcessView {
  readonly checkpoint: ProcessSurroundings;
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly tids: readonly number[];
  readonly core: core_entry;
  #mm: Promise<mm_entry | undefined> | undefined;
  #memoryPid: Promise<number> | undefined;
  #memory: Promise<ProcessMemory> | undefined;

  constructor(checkpoint: ProcessSurroundings, entry: pstree_entry, core: core_entry) {
    this.checkpoint = checkpoint;
    this.pid = entry.pid;
    this.ppid = entry.ppid;
    this.pgid = entry.pgid;
    this.sid = entry.sid;
    this.tids = entry.threads;
    this.core = core;
  }

  get name(): string {
    return this.core.tc?.comm ?? '';
  }

  /** "running", "stopped" or "zombie" */
  get state(): string {
    return named(TASK_STATE, this.core.tc?.taskState ?? 1);
  }

  /** A dead process has no memory and no files. */
  get isZombie(): boolean {
    return this.state === 'zombie';
  }

  /** "X86_64" */
  get architecture(): string {
    const { mtype } = this.core;
    return Object.keys(core_entry_march).find((name) => core_entry_march[name as keyof typeof core_entry_march] === mtype) ?? String(mtype);
  }

  async ids(): Promise<task_kobj_ids_entry | undefined> {
    return (await this.checkpoint.images.one(IMAGE_TYPES.ids, this.pid)) ?? this.core.ids;
  }

  /** Under which pid the images have its memory: that of the first of those who share it (clone(2), CLONE_VM), mostly its own. */
  memoryPid(): Promise<number> {
    return (this.#memoryPid ??= this.#findMemory());
  }

  async #findMemory(): Promise<number> {
    const { images } = this.checkpoint;
    if (images.has(IMAGE_TYPES.mm, this.pid)) return this.pid;
    const vmId = (await this.ids())?.vmId;
    for (const { pid } of vmId === undefined ? [] : await this.checkpoint.processes()) {
      if (images.has(IMAGE_TYPES.mm, pid) && (await images.one(IMAGE_TYPES.ids, pid))?.vmId === vmId) return pid;
    }
    return this.pid;
  }

  /** undefined of a zombie */
  mm(): Promise<mm_entry | undefined> {
    return (this.#mm ??= this.isZombie ? Promise.resolve(undefined) : this.memoryPid().then((pid) => this.checkpoint.images.need(IMAGE_TYPES.mm, pid)));
  }

  async #needMm(): Promise<mm_entry> {
    const mm = await this.mm();
    if (mm === undefined) throw new ImageCorrupt({ file: `mm-${this.pid}.img`, why: `process ${this.pid} is a zombie and has no memory` });
    return mm;
  }

  /** Without a main thread that has ended: nothing of a thread is left of it. */
  async threads(): Promise<ThreadView[]> {
    // What CRIU writes as the threads of a zombie is no number of any.
    if (this.isZombie) return [];
    const threads: ThreadView[] = [];
    for (const tid of this.tids) {
      if (tid === this.pid && this.core.tc?.taskState === MAIN_ENDED) continue;
      const core = tid === this.pid ? this.core : await this.checkpoint.images.need(IMAGE_TYPES.core, tid);
      const own = core.threadCore;
      threads.push({
        tid,
        name: own?.comm ?? (tid === this.pid ? this.name : ''),
        credentials: own?.creds,
        policy: named(SCHED_POLICY, own?.schedPolicy ?? 0),
        nice: own?.schedNice ?? 0,
        blockedSignals: signalsIn(own?.blkSigset ?? core.tc?.blkSigset ?? 0n),
        pendingSignals: own?.signalsP?.signals.length ?? 0,
        core,
      });
    }
    return threads;
  }

  /** Its credentials: those of its first thread, or of the image that older CRIUs wrote. */
  async credentials(): Promise<creds_entry | undefined> {
    return this.core.threadCore?.creds ?? this.checkpoint.images.one(IMAGE_TYPES.creds, this.pid);
  }

  async descriptors(): Promise<DescriptorView[]> {
    const ids = await this.ids();
    if (this.isZombie || ids === undefined) return [];
    const files = await this.checkpoint.openFiles();
    const entries = await this.checkpoint.images.read(IMAGE_TYPES.fdinfo, ids.filesId);
    return entries.map(({ fd, flags, id }) => ({ fd, closeOnExec: (flags & FD_CLOEXEC) !== 0, file: files.get(id) })).sort((a, b) => a.fd - b.fd);
  }

  async #path(id: number | undefined): Promise<string | undefined> {
    return id === undefined ? undefined : (await this.checkpoint.openFiles()).get(id)?.name;
  }

  async executable(): Promise<string | undefined> {
    return this.#path((await this.mm())?.exeFileId);
  }

  async workingDirectory(): Promise<string | undefined> {
    return this.#path((await this.checkpoint.images.one(IMAGE_TYPES.fs, this.pid))?.cwdId);
  }

  async root(): Promise<string | undefined> {
    return this.#path((await this.checkpoint.images.one(IMAGE_TYPES.fs, this.pid))?.rootId);
  }

  /** Its mappings in the order of their addresses; none of a zombie. @throws ImageCorrupt where they overlap */
  async regions(): Promise<Region[]> {
    const mm = await this.mm();
    if (mm === undefined) return [];
    const { images } = this.checkpoint;
    const entries = mm.vmas.length > 0 ? mm.vmas : await images.read(IMAGE_TYPES.vmas, await this.memoryPid());
    // Guard pages have an entry of their own, within that of the mapping; nothing can be read there.
    const vmas = entries.filter(({ status }) => (status & VMA.guard) === 0);
    const files = await this.checkpoint.openFiles();
    const memfds = new Map((await images.read(IMAGE_TYPES.memfdInode)).map((inode) => [inode.inodeId, inode]));
    const inodeOf = (id: number): number | undefined => files.get(id)?.entry.memfd?.inodeId;
    const facts = {
      path: (id: number): string | undefined => (files.get(id)?.kind === 'memfd' ? `/memfd:${files.get(id)!.name}` : files.get(id)?.name),
      memfdSegment: (id: number): bigint | undefined => {
        const inode = inodeOf(id);
        const segment = inode === undefined ? undefined : memfds.get(BigInt(inode))?.shmid;
        return segment === undefined ? undefined : BigInt(segment);
      },
    };
    let end = 0n;
    for (const vma of vmas) {
      if (vma.start < end || vma.end <= vma.start) throw new ImageCorrupt({ file: `mm-${this.pid}.img`, why: `the mapping 0x${vma.start.toString(16)}-0x${vma.end.toString(16)} is empty or overlaps the one before it` });
      ({ end } = vma);
    }
    return vmas.map((vma) => regionOf(vma, facts));
  }

  /** Pairs of type and value, as the kernel gave them to the program (getauxval(3)). */
  async auxv(): Promise<readonly (readonly [bigint, bigint])[]> {
    const words = (await this.mm())?.mmSavedAuxv ?? [];
    return Array.from({ length: words.length >> 1 }, (_, i) => [words[2 * i]!, words[2 * i + 1]!] as const);
  }

  /** The machine's page size, from the auxiliary vector. @throws ImageCorrupt where it is none */
  async pageSize(): Promise<number> {
    const found = (await this.auxv()).find(([type]) => type === AT_PAGESZ)?.[1] ?? 4096n;
    if (found < 4096n || found > 65_536n || (found & (found - 1n)) !== 0n) throw new ImageCorrupt({ file: `mm-${this.pid}.img`, why: `AT_PAGESZ is ${found}` });
    return Number(found);
  }

  memory(): Promise<ProcessMemory> {
    return (this.#memory ??= this.#openMemory());
  }

  async #openMemory(): Promise<ProcessMemory> {
    const size = await this.pageSize();
    const own = await this.checkpoint.pageLayers(IMAGE_TYPES.pagemap, BigInt(await this.memoryPid()), size);
    return new ProcessMemory(await this.regions(), own, (segment) => this.checkpoint.segment(segment, size), size);
  }

  /** argv, as it lies in the process's memory now. @throws MemoryUnavailable */
  async args(): Promise<string[]> {
    const { mmArgStart, mmArgEnd } = await this.#needMm();
    return this.#strings(mmArgStart, mmArgEnd);
  }

  /** "NAME=value" … @throws MemoryUnavailable */
  async environment(): Promise<string[]> {
    const { mmEnvStart, mmEnvEnd } = await this.#needMm();
    return this.#strings(mmEnvStart, mmEnvEnd);
  }

  /** The kernel bounds both together by a quarter of the stack's limit; 8 MiB are more than any real one has. */
  async #strings(start: bigint, end: bigint): Promise<string[]> {
    const length = end - start;
    if (length < 0n || length > 8n * 1024n * 1024n) throw new ImageCorrupt({ file: `mm-${this.pid}.img`, why: `arguments or environment at 0x${start.toString(16)}-0x${end.toString(16)}` });
    const text = new TextDecoder().decode(await (await this.memory()).read(start, Number(length)));
    return text.replace(/\0+$/, '').split('\0').filter((part, _, all) => part !== '' || all.length > 1);
  }

  /** itimers and POSIX timers that are armed; timerfds are among the descriptors. */
  timers(): TimerView[] {
    const timers = this.core.tc?.timers;
    if (timers === undefined) return [];
    const itimers = [['real', timers.real], ['virtual', timers.virt], ['prof', timers.prof]] as const;
    return [
      ...itimers.filter(([, timer]) => timer.vsec || timer.vusec || timer.isec || timer.iusec).map(([name, timer]) => ({ name, text: timerText(name, timer.vsec, timer.vusec * 1000n, timer.isec, timer.iusec * 1000n) })),
      ...timers.posix.map((timer) => ({ name: `posix ${timer.itId}`, text: `${timerText(named(CLOCK, timer.clockId), timer.vsec, timer.vnsec, timer.isec, timer.insec)}, ${signalName(timer.siSigno)}` })),
    ];
  }

  /** Limits by name; undefined for no limit. */
  limits(): Record<string, { readonly soft: bigint | undefined; readonly hard: bigint | undefined }> {
    const unlimited = (value: bigint): bigint | undefined => (value === 0xffff_ffff_ffff_ffffn ? undefined : value);
    return Object.fromEntries((this.core.tc?.rlimits?.rlimits ?? []).map(({ cur, max }, i) => [RLIMIT[i] ?? `limit ${i}`, { soft: unlimited(cur), hard: unlimited(max) }]));
  }
}
