import { ImageCorrupt } from '../errors.js';
import type { inventory_entry } from '../gen/inventory.js';
import type { dump_stats_entry, restore_stats_entry } from '../gen/stats.js';
import type { tcp_stream_entry } from '../gen/tcp-stream.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { ImageType } from '../layout.js';
import { fileName } from '../layout.js';
import { ImageReader } from '../image-reader.js';
import { MemorySource } from '../io/directory.js';
import { PageLayers } from '../memory/page-layers.js';
import type { PagemapType } from '../pagemap/pagemap.js';
import type { TcpQueues } from '../payloads.js';
import { readArchives } from '../views/archives.js';
import type { ArchiveView } from '../views/archives.js';
import { readNetworks } from '../views/network.js';
import type { NetworkView } from '../views/network.js';
import { readOpenFiles, socketOf } from '../views/open-files.js';
import type { OpenFileView, SocketView } from '../views/open-files.js';
import { dumpedAt, kernelVersion } from '../views/origin.js';
import { ProcessView } from '../views/process.js';
import type { ProcessSurroundings } from '../views/process.js';
import { readCgroups, readMounts, readNamespaces } from '../views/surroundings.js';
import type { CgroupView, MountView, NamespacesView } from '../views/surroundings.js';
import { readContainer } from './container.js';
import type { ContainerView } from './container.js';
import { Images } from './image-cache.js';
import { mostReadWhole } from './image-files.js';
import type { ImageFiles, Limits } from './image-files.js';

/**
 * A checkpoint that was opened for looking at, wherever it lies. Images are read when they are asked for; page contents
 * piece by piece. Whatever is not as the format says is an ImageCorrupt, from the question that met it.
 */
export class Checkpoint implements ProcessSurroundings, Disposable {
  readonly images: Images;
  readonly files: ImageFiles;
  readonly #limits: Limits;
  #chain: Promise<readonly Images[]> | undefined;
  #processes: Promise<readonly ProcessView[]> | undefined;
  #openFiles: Promise<ReadonlyMap<number, OpenFileView>> | undefined;
  readonly #segments = new Map<string, Promise<PageLayers | undefined>>();

  constructor(files: ImageFiles, limits: Limits) {
    this.files = files;
    this.#limits = limits;
    this.images = new Images(files, limits);
  }

  get name(): string {
    return this.files.name;
  }

  /** This set and its parents, each one's before it. @throws ImageCorrupt where they run in a circle */
  chain(): Promise<readonly Images[]> {
    return (this.#chain ??= this.#readChain());
  }

  async #readChain(): Promise<Images[]> {
    const chain = [this.images];
    const seen = new Set([this.files.identity]);
    for (let files = await this.files.parent(); files !== undefined; files = await files.parent()) {
      if (seen.has(files.identity)) throw new ImageCorrupt({ file: 'parent', why: `the parents run in a circle, back to ${files.name}` });
      if (chain.length >= this.#limits.parents) throw new ImageCorrupt({ file: 'parent', why: `there are more than ${this.#limits.parents} parents` });
      seen.add(files.identity);
      chain.push(new Images(files, this.#limits));
    }
    return chain;
  }

  inventory(): Promise<inventory_entry> {
    return this.images.need(IMAGE_TYPES.inventory);
  }

  /** Times (µs) and pages, as dump and restore counted them; of a container archive, they lie beside the images. */
  async statistics(): Promise<{ readonly dump: dump_stats_entry | undefined; readonly restore: restore_stats_entry | undefined }> {
    const dump = (await this.images.one(IMAGE_TYPES.statsDump)) ?? (await this.#beside(IMAGE_TYPES.statsDump));
    const restore = await this.images.one(IMAGE_TYPES.statsRestore);
    return { dump: dump?.dump, restore: restore?.restore };
  }

  async #beside<Entry>(type: ImageType<Entry>): Promise<Entry | undefined> {
    const name = fileName(type);
    const access = this.files.beside(name);
    if (access === undefined || access.size > mostReadWhole(access, this.#limits)) return undefined;
    return [...new ImageReader(type, new MemorySource(name, await access.read(0, access.size))).entries()][0];
  }

  /** All processes, parents before their children. @throws ImageCorrupt where the tree is none */
  processes(): Promise<readonly ProcessView[]> {
    return (this.#processes ??= this.#readProcesses());
  }

  async #readProcesses(): Promise<ProcessView[]> {
    const tree = await this.images.read(IMAGE_TYPES.pstree);
    const processes = new Map<number, ProcessView>();
    for (const entry of tree) {
      if (processes.has(entry.pid)) throw new ImageCorrupt({ file: 'pstree.img', why: `process ${entry.pid} is there twice` });
      if (entry.ppid !== 0 && !processes.has(entry.ppid)) throw new ImageCorrupt({ file: 'pstree.img', why: `process ${entry.pid} has the parent ${entry.ppid}, which is not there before it` });
      processes.set(entry.pid, new ProcessView(this, entry, await this.images.need(IMAGE_TYPES.core, entry.pid)));
    }
    return [...processes.values()];
  }

  /** @throws RangeError where there is no such process */
  async process(pid: number): Promise<ProcessView> {
    const found = (await this.processes()).find((process) => process.pid === pid);
    if (found === undefined) throw new RangeError(`there is no process ${pid} in ${this.name}`);
    return found;
  }

  /** All open files, by their id. */
  openFiles(): Promise<ReadonlyMap<number, OpenFileView>> {
    return (this.#openFiles ??= readOpenFiles(this.images));
  }

  async sockets(): Promise<SocketView[]> {
    const bigEndian = await this.images.isBigEndian();
    return [...(await this.openFiles()).values()].map(({ entry }) => socketOf(entry, bigEndian)).filter((socket) => socket !== undefined);
  }

  /** Queues and sequence numbers of an established TCP socket, by its inode; undefined of any other. */
  tcpQueues(inode: number): Promise<{ readonly message: tcp_stream_entry; readonly payload: TcpQueues } | undefined> {
    return this.images.one(IMAGE_TYPES.tcpStream, inode);
  }

  mounts(): Promise<ReadonlyMap<number, readonly MountView[]>> {
    return readMounts(this.images);
  }

  async namespaces(): Promise<NamespacesView[]> {
    return readNamespaces(this.images, await this.processes());
  }

  cgroups(): Promise<CgroupView[]> {
    return readCgroups(this.images);
  }

  /** The network namespaces that the images hold, with their devices, addresses, routes, rules, firewall and connections. */
  networks(): Promise<NetworkView[]> {
    return readNetworks(this.images);
  }

  /** What lies in each tmpfs that the images hold. */
  archives(): Promise<ArchiveView[]> {
    return readArchives(this.images);
  }

  /** The version of the kernel that dumped it, "6.18.1"; undefined where no image tells. */
  async kernelVersion(): Promise<string | undefined> {
    return kernelVersion(await this.processes());
  }

  /** When the dump ended, in ms since 1970; undefined where nothing tells. */
  async dumpedAt(): Promise<number | undefined> {
    return dumpedAt(this.files, await this.container());
  }

  /** undefined where the images are not part of a container archive */
  container(): Promise<ContainerView | undefined> {
    return readContainer(this.files);
  }

  /** The pages under a pagemap, of these sets of the chain (all of them by default); undefined where the first has none of that name. */
  async pageLayers(type: PagemapType, id: bigint, pageSize: number, sets?: readonly Images[]): Promise<PageLayers | undefined> {
    const layers = [];
    for (const images of sets ?? (await this.chain())) {
      const pagemap = await images.pagemap(type, id);
      // A process that a parent did not have yet ends the chain for it.
      if (pagemap === undefined) break;
      layers.push({ files: images.files, name: fileName(type, id), pagemap });
    }
    return layers.length === 0 ? undefined : new PageLayers(layers, pageSize);
  }

  /** The pages of a segment of shared memory, opened once. */
  segment(id: bigint, pageSize: number): Promise<PageLayers | undefined> {
    const key = `${id} ${pageSize}`;
    const known = this.#segments.get(key);
    if (known !== undefined) return known;
    const layers = this.pageLayers(IMAGE_TYPES.shmemPagemap, id, pageSize);
    this.#segments.set(key, layers);
    return layers;
  }

  [Symbol.dispose](): void {
    this.files.close();
    void this.#chain?.then((chain) => chain.forEach((images) => images.files.close())).catch(() => undefined);
  }
}
