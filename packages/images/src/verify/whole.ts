import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { Images } from '../checkpoint/image-cache.js';
import { ImageCorrupt } from '../errors.js';
import { imageTypeOfName, IMAGE_TYPES } from '../image-types.js';
import { ImageReader } from '../image-reader.js';
import { MemorySource } from '../io/directory.js';
import { isRaw } from '../layout.js';
import { PE_PRESENT } from '../pagemap/pagemap.js';
import type { PagemapType } from '../pagemap/pagemap.js';
import { MAX_READ, openAsyncPages } from '../memory/async-pages.js';
import { fd_types } from '../gen/fdinfo.js';
import { remap_type } from '../gen/remap-file-path.js';
import type { ProcessView } from '../views/process.js';
import type { Finding, RuleName } from './finding.js';

export interface WholeOptions {
  /** Read all page contents that have checksums. */
  readonly pages: boolean;
}

type Report = (rule: RuleName, message: string, where?: { readonly file?: string; readonly pid?: number }) => void;

/** Names that are no image but belong to an image set. */
const OTHER_FILES = /^(pages-\d+\.(lz4|crc)|.*\.log|parent|descriptors\.json|.*\.tar(\.gz|\.zst)?|.*\.pid|.*\.tar\.gz\.img|lock|.*\.sock|fault-.*)$/;
const KNOWN_VERSIONS = [1, 2];

/** Is the checkpoint whole: does every image decode, and every reference between them resolve? Nothing of it is thrown but our own mistakes. */
export async function checkWhole(checkpoint: Checkpoint, options: WholeOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const report: Report = (rule, message, where = {}) => {
    const key = `${rule} ${message} ${where.file ?? ''}`;
    if (!seen.has(key)) findings.push({ rule, message, ...where });
    seen.add(key);
  };
  /** What a check throws for damage is a finding, and the next check goes on. */
  const attempt = async (rule: RuleName, check: () => Promise<void>, pid?: number): Promise<void> => {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof ImageCorrupt)) throw error;
      report(rule, error.message, { ...(error.file !== undefined && { file: error.file }), ...(pid !== undefined && { pid }) });
    }
  };
  await attempt('missing-image', async () => {
    const { imgVersion } = await checkpoint.inventory();
    if (!KNOWN_VERSIONS.includes(imgVersion)) report('unknown-version', `the images are of version ${imgVersion}`, { file: 'inventory.img' });
  });
  for (const name of checkpoint.files.list()) await attempt('damaged-image', () => decodeWhole(checkpoint.images, name, report));
  await attempt('missing-pages', async () => void (await checkpoint.chain()));
  let processes: readonly ProcessView[] = [];
  await attempt('broken-tree', async () => {
    processes = await checkpoint.processes();
    if (processes.length === 0) report('broken-tree', 'there is no process', { file: 'pstree.img' });
  });
  for (const process of processes) {
    if (process.isZombie) continue;
    await attempt('missing-image', () => checkProcess(checkpoint, process, report), process.pid);
    await attempt('broken-memory', () => checkMemory(process, report), process.pid);
  }
  await attempt('dangling-reference', () => checkFiles(checkpoint, report));
  for (const type of [IMAGE_TYPES.pagemap, IMAGE_TYPES.shmemPagemap]) {
    for (const id of checkpoint.images.ids(type)) {
      const pageSize = (await processes[0]?.pageSize().catch(() => 4096)) ?? 4096;
      await attempt('missing-pages', () => checkPages(checkpoint, type, id, pageSize, options, report));
    }
  }
  return findings;
}

/** Decodes a file to its end. */
async function decodeWhole(images: Images, name: string, report: Report): Promise<void> {
  const found = imageTypeOfName(name);
  if (found === undefined) {
    if (!OTHER_FILES.test(name)) report('unknown-file', `${name} is of no kind that is known`, { file: name });
    return;
  }
  const { type } = found;
  if (isRaw(type)) return;
  const pagemaps: readonly unknown[] = [IMAGE_TYPES.pagemap, IMAGE_TYPES.shmemPagemap];
  if (pagemaps.includes(type)) {
    await images.pagemap(type as PagemapType, found.id!);
    return;
  }
  const bytes = await images.bytes(name);
  // Walking is all that is asked for.
  for (const entry of new ImageReader(type, new MemorySource(name, bytes!)).scan()) void entry;
}

async function checkProcess(checkpoint: Checkpoint, process: ProcessView, report: Report): Promise<void> {
  const { pid } = process;
  const { images } = checkpoint;
  const files = await checkpoint.openFiles();
  const dangling = (message: string, file: string): void => report('dangling-reference', message, { file, pid });
  await process.threads();
  const ids = await process.ids();
  if (ids === undefined) report('missing-image', `process ${pid} has no ids-${pid}.img`, { file: `ids-${pid}.img`, pid });
  else if (!images.has(IMAGE_TYPES.fdinfo, ids.filesId)) report('missing-image', `the descriptors of process ${pid} are missing`, { file: `fdinfo-${ids.filesId}.img`, pid });
  else {
    const seen = new Set<number>();
    for (const { fd, id, type } of await images.read(IMAGE_TYPES.fdinfo, ids.filesId)) {
      const file = files.get(id);
      if (file === undefined) dangling(`descriptor ${fd} of process ${pid} is file ${id}, which is not in files.img`, `fdinfo-${ids.filesId}.img`);
      else if (file.entry.type !== type) dangling(`descriptor ${fd} of process ${pid} is of type ${type}, its file ${id} of type ${file.entry.type}`, `fdinfo-${ids.filesId}.img`);
      if (seen.has(fd)) dangling(`descriptor ${fd} of process ${pid} is there twice`, `fdinfo-${ids.filesId}.img`);
      seen.add(fd);
    }
  }
  const mm = await process.mm();
  const fs = await images.need(IMAGE_TYPES.fs, pid);
  for (const [what, id, file] of [['executable', mm?.exeFileId, `mm-${pid}.img`], ['working directory', fs.cwdId, `fs-${pid}.img`], ['root', fs.rootId, `fs-${pid}.img`]] as const) {
    if (id !== undefined && !files.has(id)) dangling(`the ${what} of process ${pid} is file ${id}, which is not in files.img`, file);
  }
  const set = process.core.tc?.cgSet ?? process.core.threadCore?.cgSet;
  const cgroup = await images.one(IMAGE_TYPES.cgroup);
  // The set that the dumping process itself was in is what a restored root inherits, and needs no entry.
  const { rootCgSet } = await checkpoint.inventory();
  if (set !== undefined && set !== rootCgSet && cgroup !== undefined && !cgroup.sets.some(({ id }) => id === set)) dangling(`process ${pid} is in the cgroups of set ${set}, which is not in cgroup.img`, `core-${pid}.img`);
}

/** Mappings in order, of files that are there; dumped pages within mappings. */
async function checkMemory(process: ProcessView, report: Report): Promise<void> {
  const { pid, checkpoint } = process;
  // With who has it in the images it is looked at.
  if ((await process.memoryPid()) !== pid) return;
  const files = await checkpoint.openFiles();
  const regions = await process.regions();
  const pageSize = await process.pageSize();
  for (const { fileId, start, end } of regions) {
    if ((start | end) % BigInt(pageSize) !== 0n) report('broken-memory', `the mapping ${start.toString(16)}-${end.toString(16)} of process ${pid} is not made of pages`, { file: `mm-${pid}.img`, pid });
    if (fileId !== undefined && !files.has(fileId)) report('dangling-reference', `the mapping at ${start.toString(16)} of process ${pid} is of file ${fileId}, which is not in files.img`, { file: `mm-${pid}.img`, pid });
  }
  const pagemap = await checkpoint.images.pagemap(IMAGE_TYPES.pagemap, pid);
  if (pagemap === undefined) {
    report('missing-image', `the pagemap of process ${pid} is missing`, { file: `pagemap-${pid}.img`, pid });
    return;
  }
  let at = 0;
  for (const [i, first] of pagemap.vaddr.entries()) {
    const end = first + BigInt(pagemap.nrPages[i]!) * BigInt(pageSize);
    let from = first;
    while (from < end) {
      while (at < regions.length && regions[at]!.end <= from) at++;
      const region = regions[at];
      if (region === undefined || region.start > from) {
        report('broken-memory', `pages at ${from.toString(16)} of process ${pid} lie in no mapping`, { file: `pagemap-${pid}.img`, pid });
        return;
      }
      from = region.end;
    }
  }
}

/** What files say of each other. */
async function checkFiles(checkpoint: Checkpoint, report: Report): Promise<void> {
  const { images } = checkpoint;
  const files = await checkpoint.openFiles();
  const ttys = new Set((await images.read(IMAGE_TYPES.ttyInfo)).map(({ id }) => id));
  const memfds = new Set((await images.read(IMAGE_TYPES.memfdInode)).map(({ inodeId }) => Number(inodeId)));
  const inodes = new Set([...files.values()].map(({ entry }) => entry.usk?.ino).filter((ino) => ino !== undefined));
  const file = 'files.img';
  // Dumped with --tcp-close, connections are closed ones.
  const { tcpClose } = await checkpoint.inventory();
  for (const { id, entry } of files.values()) {
    const dangling = (what: string): void => report('dangling-reference', `file ${id} ${what}`, { file });
    if (entry.tty && !ttys.has(entry.tty.ttyInfoId)) dangling(`is of terminal ${entry.tty.ttyInfoId}, which is not in tty-info.img`);
    if (entry.memfd && !memfds.has(entry.memfd.inodeId)) dangling(`is of memfd ${entry.memfd.inodeId}, which is not in memfd.img`);
    if (entry.fifo?.regfId !== undefined && entry.fifo.regfId !== 0 && !files.has(entry.fifo.regfId)) dangling(`is a fifo of file ${entry.fifo.regfId}, which is not there`);
    if (entry.usk && entry.usk.peer !== 0 && !inodes.has(entry.usk.peer) && entry.usk.peerName === undefined && entry.usk.type !== 2) dangling(`is a unix socket whose peer ${entry.usk.peer} is not there (an external one?)`);
    if (!tcpClose && entry.isk?.proto === 6 && entry.isk.type === 1 && entry.isk.state === 1 && !images.has(IMAGE_TYPES.tcpStream, entry.isk.ino)) report('missing-image', `the connection of file ${id} has no tcp-stream image`, { file: `tcp-stream-${entry.isk.ino.toString(16)}.img` });
    if (entry.type === fd_types.REG && entry.reg === undefined) dangling('is said to be a regular file, and is none');
  }
  for (const remap of await images.read(IMAGE_TYPES.remapFpath)) {
    if (!files.has(remap.origId)) report('dangling-reference', `a path of file ${remap.origId} is remapped, which is not there`, { file: 'remap-fpath.img' });
    if ((remap.remapType ?? remap_type.GHOST) === remap_type.GHOST && !images.has(IMAGE_TYPES.ghostFile, remap.remapId)) report('missing-image', `the deleted file ${remap.remapId} is missing`, { file: `ghost-file-${remap.remapId.toString(16)}.img` });
  }
}

/** Every page is where the pagemap says, through the chain; and fits its checksum, where that is asked for. */
async function checkPages(checkpoint: Checkpoint, type: typeof IMAGE_TYPES.pagemap, id: bigint, pageSize: number, options: WholeOptions, report: Report): Promise<void> {
  const pagemap = (await checkpoint.images.pagemap(type, id))!;
  const name = `pagemap-${type === IMAGE_TYPES.shmemPagemap ? 'shmem-' : ''}${id}.img`;
  const layers = await checkpoint.pageLayers(type, id, pageSize);
  for (const run of layers?.runs() ?? []) {
    if (run.where === 'lost') {
      report('missing-pages', `${run.pages} pages from ${(run.page * pageSize).toString(16)} should be with a parent, and are not`, { file: name });
      break;
    }
  }
  const present = pagemap.nrPages.reduce((sum, pages, i) => sum + (pagemap.flags[i]! & PE_PRESENT ? pages : 0), 0) * pageSize;
  // CRIU makes no file where there are no pages.
  if (present === 0) return;
  const pages = await openAsyncPages(checkpoint.files, pagemap.pagesId);
  const file = `pages-${pagemap.pagesId}.img`;
  if (pages.size < present) report('missing-pages', `${name} tells of ${present} bytes of pages, there are ${pages.size}`, { file });
  else if (pages.size > present) report('surplus-pages', `${name} tells of ${present} bytes of pages, there are ${pages.size}`, { file });
  if (!options.pages || !pages.checksummed) return;
  try {
    for (let at = 0; at < pages.size; at += MAX_READ) await pages.read(at, Math.min(MAX_READ, pages.size - at));
  } catch (error) {
    if (!(error instanceof ImageCorrupt)) throw error;
    report('damaged-pages', error.message, { file: error.file ?? file });
  }
}
