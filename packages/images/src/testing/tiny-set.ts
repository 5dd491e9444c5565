import { core_entry_march, fd_types } from '../gen/index.js';
import type { file_entry, pagemap_entry, vma_entry } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES, RAW_IMAGE_TYPES } from '../image-types.js';
import { MemoryDirectory } from '../io/directory.js';
import { VMA } from '../memory/vma-bits.js';

export const PAGE = 4096;
export const fown = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };
export const BASE = 0x10_0000n;

/** A page that is full of one letter. */
export const page = (letter: string): Uint8Array => new Uint8Array(PAGE).fill(letter.charCodeAt(0));

export function pages(...all: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(all.length * PAGE);
  all.forEach((bytes, i) => joined.set(bytes, i * PAGE));
  return joined;
}

export const at = (pageNumber: number): bigint => BASE + BigInt(pageNumber * PAGE);

export const vma = (first: number, count: number, status: number, more: Partial<vma_entry> = {}): vma_entry => ({ start: at(first), end: at(first + count), pgoff: 0n, shmid: 0n, prot: 3, flags: 0x22, status: status | VMA.regular, fd: -1n, ...more });

export interface TinyProcess {
  readonly pid: number;
  readonly ppid?: number;
  readonly comm?: string;
  readonly state?: number;
  /** Whose memory it has: it gets none of its own. */
  readonly sharesMemoryWith?: number;
  readonly threads?: readonly number[];
  readonly vmas?: readonly vma_entry[];
  /** page number from `at(0)`, number of pages, PE_ flags */
  readonly rows?: readonly (readonly [number, number, number])[];
  readonly contents?: Uint8Array;
  readonly fds?: readonly { readonly fd: number; readonly id: number; readonly type: fd_types; readonly flags?: number }[];
  /** pairs before AT_NULL; AT_PAGESZ and AT_ENTRY by default */
  readonly auxv?: readonly bigint[];
  readonly mm?: Partial<Record<'mmArgStart' | 'mmArgEnd' | 'mmEnvStart' | 'mmEnvEnd', bigint>>;
}

/** An image set in memory, of processes with as much as a test tells. */
export function tinySet(processes: readonly TinyProcess[], files: readonly file_entry[] = []): MemoryDirectory {
  const directory = new MemoryDirectory();
  const set = new ImageSet(directory);
  set.write(IMAGE_TYPES.inventory, undefined, [{ imgVersion: 2, dumpUptime: 5_000_000n }]);
  set.write(IMAGE_TYPES.pstree, undefined, processes.map(({ pid, ppid = 0, threads }) => ({ pid, ppid, pgid: pid, sid: pid, threads: [pid, ...(threads ?? [])] })));
  set.write(IMAGE_TYPES.files, undefined, [{ id: 1, type: fd_types.REG, reg: { id: 1, flags: 0, pos: 0n, fown, name: '/bin/prog', buildId: [] } }, { id: 2, type: fd_types.REG, reg: { id: 2, flags: 0, pos: 0n, fown, name: '/', buildId: [] } }, ...files]);
  for (const process of processes) writeProcess(set, process);
  return directory;
}

const regs = { r15: 15n, r14: 14n, r13: 13n, r12: 12n, bp: 5n, bx: 11n, r11: 11n, r10: 10n, r9: 9n, r8: 8n, ax: 0n, cx: 1n, dx: 2n, si: 3n, di: 4n, origAx: 0xffff_ffff_ffff_ffffn, ip: 0x40_1000n, cs: 0x33n, flags: 0x246n, sp: 0x7fff_0000n, ss: 0x2bn, fsBase: 0x7000n, gsBase: 0n, ds: 0n, es: 0n, fs: 0n, gs: 0n };
export const threadInfo = { clearTidAddr: 0n, gpregs: regs, fpregs: { cwd: 0x37f, swd: 0, twd: 0, fop: 0, rip: 0n, rdp: 0n, mxcsr: 0x1f80, mxcsrMask: 0xffff, stSpace: Array.from({ length: 32 }, (_, i) => i), xmmSpace: Array.from({ length: 64 }, (_, i) => i), padding: [] }, tls: [] };
const creds = { uid: 1000, gid: 100, euid: 1000, egid: 100, suid: 1000, sgid: 100, fsuid: 1000, fsgid: 100, capInh: [0, 0], capPrm: [0, 0], capEff: [0x2001, 0], capBnd: [0, 0], secbits: 0, groups: [4, 24], capAmb: [] };

function writeProcess(set: ImageSet, process: TinyProcess): void {
  const { pid, comm = 'prog', state = 1, threads = [], vmas = [], rows = [], contents = new Uint8Array(0), fds = [], mm = {}, auxv = [6n, 4096n, 9n, 0x40_1000n], sharesMemoryWith } = process;
  const tc = { taskState: state, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, sigactions: [], comm };
  const threadCore = { futexRla: 0n, futexRlaLen: 0, schedNice: 5, schedPolicy: 0, creds };
  set.write(IMAGE_TYPES.core, pid, [{ mtype: core_entry_march.X86_64, threadInfo, tc, threadCore }]);
  for (const tid of threads) set.write(IMAGE_TYPES.core, tid, [{ mtype: core_entry_march.X86_64, threadInfo, threadCore: { ...threadCore, comm: `t${tid}` } }]);
  if (state === 6) return;
  set.write(IMAGE_TYPES.ids, pid, [{ vmId: sharesMemoryWith ?? pid, filesId: pid, fsId: pid, sighandId: pid }]);
  set.write(IMAGE_TYPES.fs, pid, [{ cwdId: 2, rootId: 2 }]);
  set.write(IMAGE_TYPES.fdinfo, pid, fds.map((fd) => ({ flags: 0, ...fd })));
  if (sharesMemoryWith !== undefined) return;
  const addresses = { mmStartCode: 0n, mmEndCode: 0n, mmStartData: 0n, mmEndData: 0n, mmStartStack: 0n, mmStartBrk: 0n, mmBrk: 0n, mmArgStart: 0n, mmArgEnd: 0n, mmEnvStart: 0n, mmEnvEnd: 0n };
  set.write(IMAGE_TYPES.mm, pid, [{ ...addresses, ...mm, exeFileId: 1, mmSavedAuxv: [...auxv, 0n, 0n], vmas: [...vmas], aios: [] }]);
  writePages(set, 'pagemap', pid, pid, rows.map(([first, count, flags]) => [at(first), count, flags]), contents);
}

/** A pagemap with its pages; of memory's, or of a shared segment's. */
export function writePages(set: ImageSet, type: 'pagemap' | 'shmemPagemap', id: number, pagesId: number, rows: readonly (readonly [bigint, number, number])[], contents: Uint8Array): void {
  const entries: pagemap_entry[] = rows.map(([vaddr, count, flags]) => ({ vaddr, compatNrPages: count, nrPages: BigInt(count), flags }));
  set.write(IMAGE_TYPES[type], id, [{ pagesId }, ...entries]);
  set.writeRaw(RAW_IMAGE_TYPES.pages, pagesId, contents);
}
