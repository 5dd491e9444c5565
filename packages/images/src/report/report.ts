import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { ContainerView } from '../checkpoint/container.js';
import { ImageCorrupt } from '../errors.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { Region, RegionKind } from '../memory/memory-map.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import { MemoryUnavailable } from '../memory/process-memory.js';
import type { HostProblem } from '../verify/host.js';
import { capabilitiesIn, signalsIn } from '../views/names.js';
import type { ArchiveView } from '../views/archives.js';
import type { NetworkView } from '../views/network.js';
import { socketOf } from '../views/open-files.js';
import type { ProcessView } from '../views/process.js';

/**
 * What `inspect` tells of a checkpoint: plain data, the same for the terminal, JSON and HTML. INSPECT_SCHEMA describes
 * it; `version` changes when something that was there changes its meaning or goes. Addresses are hexadecimal text, sizes
 * bytes, times of the dump microseconds.
 */
export interface Report {
  readonly version: 1;
  readonly name: string;
  readonly architecture: string;
  readonly imageVersion: number;
  /** when the dump ended: RFC 3339, UTC */
  readonly dumpedAt?: string;
  /** version of the kernel that it was dumped on */
  readonly kernel?: string;
  /** seconds the machine had been up when it was dumped */
  readonly uptime?: number;
  /** sets in the chain of parents, this one included */
  readonly sets: number;
  readonly container?: ReportContainer;
  readonly totals: ReportTotals;
  readonly processes: readonly ReportProcess[];
  readonly sockets: readonly ReportSocket[];
  readonly mounts: readonly { readonly namespace: number; readonly mountpoint: string; readonly type: string; readonly source: string; readonly root: string; readonly external: boolean }[];
  readonly namespaces: readonly { readonly kind: string; readonly ids: readonly number[]; readonly dumped: boolean }[];
  readonly networks: readonly NetworkView[];
  /** what lies in each tmpfs */
  readonly archives: readonly ArchiveView[];
  readonly cgroups: readonly { readonly set: number; readonly controller: string; readonly path: string }[];
  readonly statistics: { readonly dump?: Readonly<Record<string, number>>; readonly restore?: Readonly<Record<string, number>> };
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** what could not be told, and why */
  readonly problems: readonly string[];
  /** whether the host that was asked can restore it; absent where none was */
  readonly host?: ReportHost;
}

export interface ReportHost {
  /** no problem is an obstacle */
  readonly possible: boolean;
  readonly problems: readonly { readonly severity: 'obstacle' | 'warning'; readonly code: string; readonly message: string; readonly why?: string; readonly hint?: string }[];
}

export interface ReportContainer {
  readonly name?: string;
  readonly id?: string;
  readonly image?: string;
  readonly runtime?: string;
  readonly engine?: string;
  readonly createdAt?: string;
  readonly checkpointedAt?: string;
  readonly pod?: string;
  readonly namespace?: string;
  readonly networks: readonly { readonly network: string; readonly interface: string; readonly address?: string; readonly gateway?: string; readonly hardware?: string }[];
  /** bytes of what the container changed in its root file system */
  readonly rootfsDiff?: number;
  /** files of its image that it removed */
  readonly deletedFiles: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ReportTotals {
  readonly processes: number;
  readonly threads: number;
  readonly descriptors: number;
  /** bytes of address space, and of it in these images and in those of parents */
  readonly mapped: number;
  readonly dumped: number;
  readonly inherited: number;
  /** bytes of all image files */
  readonly stored: number;
}

export interface ReportProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly name: string;
  readonly state: string;
  readonly command?: readonly string[];
  readonly executable?: string;
  readonly workingDirectory?: string;
  readonly root?: string;
  /** names; with their values only where these were asked for */
  readonly environment?: readonly string[];
  readonly credentials?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[]; readonly capabilities: readonly string[]; readonly noNewPrivileges: boolean };
  readonly threads: readonly { readonly tid: number; readonly name: string; readonly policy: string; readonly nice: number }[];
  readonly descriptors: readonly { readonly fd: number; readonly kind: string; readonly name: string; readonly flags: string; readonly closeOnExec: boolean }[];
  /** The process whose memory it is, where it is another's too (CLONE_VM): in the totals it is there once. */
  readonly sharesMemoryWith?: number;
  readonly memory: { readonly mapped: number; readonly dumped: number; readonly inherited: number; readonly kinds: readonly ReportKind[]; readonly regions: readonly ReportRegion[] };
  readonly timers: readonly { readonly name: string; readonly text: string }[];
  readonly signals: { readonly handled: readonly string[]; readonly blocked: readonly string[] };
}

export interface ReportKind {
  readonly kind: RegionKind;
  readonly count: number;
  readonly mapped: number;
  readonly dumped: number;
}

export interface ReportRegion {
  readonly start: string;
  readonly end: string;
  readonly kind: RegionKind;
  readonly rights: string;
  readonly name: string;
  readonly offset: number;
  readonly dumped: number;
  readonly inherited: number;
}

export interface ReportSocket {
  readonly inode: number;
  readonly family: string;
  readonly type: string;
  readonly protocol: string;
  readonly state: string;
  readonly local: string;
  readonly remote: string;
  readonly owners: readonly { readonly pid: number; readonly fd: number }[];
  /** bytes in the queues of a TCP connection */
  readonly receiveQueue?: number;
  readonly sendQueue?: number;
  /** bytes that may wait in each direction */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
}

export interface ReportOptions {
  /** environment variables with their values, which may be people's secrets */
  readonly secrets?: boolean;
}

/** @throws ImageCorrupt where the process tree itself can't be read; other damage is told in `problems` */
export async function reportOf(checkpoint: Checkpoint, options: ReportOptions = {}): Promise<Report> {
  const problems: string[] = [];
  const attempt = async <T>(what: Promise<T> | (() => Promise<T>)): Promise<T | undefined> => {
    try {
      return await (typeof what === 'function' ? what() : what);
    } catch (error) {
      if (!(error instanceof ImageCorrupt) && !(error instanceof MemoryUnavailable)) throw error;
      if (!problems.includes(error.message)) problems.push(error.message);
      return undefined;
    }
  };
  const inventory = await checkpoint.inventory();
  const views = await checkpoint.processes();
  const processes: ReportProcess[] = [];
  for (const view of views) processes.push(await reportProcess(view, attempt, options.secrets === true));
  const container = await checkpoint.container();
  const statistics = await attempt(checkpoint.statistics());
  const mounts = (await attempt(checkpoint.mounts())) ?? new Map<number, never>();
  const files = checkpoint.files.list().map((name) => ({ name, size: checkpoint.files.open(name)?.size ?? 0 }));
  const sum = (of: (process: ReportProcess) => number, all: readonly ReportProcess[] = processes): number => all.reduce((total, process) => total + of(process), 0);
  const memories = processes.filter(({ sharesMemoryWith }) => sharesMemoryWith === undefined);
  return {
    version: 1,
    name: checkpoint.name,
    ...present({ dumpedAt: timeOf(await checkpoint.dumpedAt()), kernel: await attempt(checkpoint.kernelVersion()) }),
    architecture: views[0]?.architecture.toLowerCase() ?? 'unknown',
    imageVersion: inventory.imgVersion,
    ...(inventory.dumpUptime !== undefined && { uptime: Number(inventory.dumpUptime) / 1e6 }),
    sets: (await attempt(checkpoint.chain()))?.length ?? 1,
    ...(container && { container: reportContainer(container) }),
    totals: {
      processes: processes.length,
      threads: sum((process) => process.threads.length),
      descriptors: sum((process) => process.descriptors.length),
      mapped: sum((process) => process.memory.mapped, memories),
      dumped: sum((process) => process.memory.dumped, memories),
      inherited: sum((process) => process.memory.inherited, memories),
      stored: files.reduce((all, file) => all + file.size, 0),
    },
    processes,
    sockets: (await attempt(reportSockets(checkpoint, views))) ?? [],
    mounts: [...mounts].flatMap(([namespace, list]) => list.map(({ mountpoint, type, source, root, external }) => ({ namespace, mountpoint, type, source, root, external }))),
    namespaces: (await attempt(checkpoint.namespaces())) ?? [],
    networks: (await attempt(checkpoint.networks())) ?? [],
    archives: (await attempt(checkpoint.archives())) ?? [],
    cgroups: (await attempt(checkpoint.cgroups())) ?? [],
    statistics: present({ dump: numbersOf(statistics?.dump), restore: numbersOf(statistics?.restore) }),
    files,
    problems,
  };
}

const timeOf = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString());

function reportContainer({ files: _files, networks, deletedFiles, annotations, ...facts }: ContainerView): ReportContainer {
  return { ...present(facts), networks: networks.map((network) => ({ network: network.network, interface: network.interface, ...present({ address: network.address, gateway: network.gateway, hardware: network.hardware }) })), deletedFiles, annotations };
}

/** With what a host says of it. */
export const withHost = (report: Report, problems: readonly HostProblem[]): Report => ({
  ...report,
  host: {
    possible: problems.every(({ severity }) => severity !== 'obstacle'),
    problems: problems.map(({ severity, code, message, why, hint }) => ({ severity, code, message, ...present({ why, hint }) })),
  },
});

type Attempt = <T>(what: Promise<T> | (() => Promise<T>)) => Promise<T | undefined>;

async function reportProcess(view: ProcessView, attempt: Attempt, secrets: boolean): Promise<ReportProcess> {
  const { pid, ppid, pgid, sid, name, state, core } = view;
  const credentials = await attempt(view.credentials());
  const descriptors = (await attempt(view.descriptors())) ?? [];
  const memory = view.isZombie ? undefined : await attempt(view.memory());
  const alive = <T>(what: () => Promise<T>): Promise<T | undefined> => (view.isZombie ? Promise.resolve(undefined) : attempt(what));
  const environment = await alive(() => view.environment());
  const memoryPid = await alive(() => view.memoryPid());
  return {
    pid,
    ppid,
    pgid,
    sid,
    name,
    state,
    ...present({
      command: await alive(() => view.args()),
      executable: await alive(() => view.executable()),
      workingDirectory: await alive(() => view.workingDirectory()),
      root: await alive(() => view.root()),
      sharesMemoryWith: memoryPid === pid ? undefined : memoryPid,
      environment: environment?.map((variable) => (secrets ? variable : variable.split('=')[0]!)),
      credentials: credentials && {
        uid: credentials.euid,
        gid: credentials.egid,
        groups: credentials.groups,
        capabilities: capabilitiesIn(credentials.capEff),
        noNewPrivileges: (credentials.noNewPrivs ?? 0) !== 0,
      },
    }),
    threads: ((await attempt(view.threads())) ?? []).map(({ tid, name: threadName, policy, nice }) => ({ tid, name: threadName, policy, nice })),
    descriptors: descriptors.map(({ fd, closeOnExec, file }) => ({ fd, kind: file?.kind ?? 'missing', name: file?.name ?? '', flags: file?.flags ?? '', closeOnExec })),
    memory: (memory && (await attempt(reportMemory(memory)))) ?? { mapped: 0, dumped: 0, inherited: 0, kinds: [], regions: [] },
    timers: view.timers(),
    signals: { handled: handledSignals(core.tc?.sigactions ?? []), blocked: signalsIn(core.threadCore?.blkSigset ?? core.tc?.blkSigset ?? 0n) },
  };
}

/** sigactions has an entry for each signal but SIGKILL and SIGSTOP, in the order of their numbers; 0 and 1 are no handlers. */
function handledSignals(actions: readonly { readonly sigaction: bigint }[]): string[] {
  let mask = 0n;
  const numbers = Array.from({ length: 64 }, (_, i) => i + 1).filter((number) => number !== 9 && number !== 19);
  actions.forEach(({ sigaction }, i) => {
    if (sigaction > 1n && numbers[i] !== undefined) mask |= 1n << BigInt(numbers[i] - 1);
  });
  return signalsIn(mask);
}

async function reportMemory(memory: ProcessMemory): Promise<ReportProcess['memory']> {
  const kinds = new Map<RegionKind, { kind: RegionKind; count: number; mapped: number; dumped: number }>();
  const regions: ReportRegion[] = [];
  let mapped = 0;
  let dumped = 0;
  let inherited = 0;
  for (const region of memory.regions) {
    const held = await memory.held(region);
    regions.push(reportRegion(region, held));
    const size = Number(region.end - region.start);
    const kind = kinds.get(region.kind) ?? { kind: region.kind, count: 0, mapped: 0, dumped: 0 };
    kinds.set(region.kind, { ...kind, count: kind.count + 1, mapped: kind.mapped + size, dumped: kind.dumped + held.dumped + held.inherited });
    mapped += size;
    dumped += held.dumped;
    inherited += held.inherited;
  }
  return { mapped, dumped, inherited, kinds: [...kinds.values()].sort((a, b) => b.dumped - a.dumped || b.mapped - a.mapped), regions };
}

const reportRegion = ({ start, end, kind, rights, name, offset }: Region, held: { dumped: number; inherited: number }): ReportRegion => ({ start: start.toString(16), end: end.toString(16), kind, rights, name, offset: Number(offset), ...held });

async function reportSockets(checkpoint: Checkpoint, views: readonly ProcessView[]): Promise<ReportSocket[]> {
  const owners = new Map<number, { pid: number; fd: number }[]>();
  for (const view of views) {
    for (const { fd, file } of await view.descriptors()) {
      if (file !== undefined && socketOf(file.entry)) owners.set(file.id, [...(owners.get(file.id) ?? []), { pid: view.pid, fd }]);
    }
  }
  const sockets: ReportSocket[] = [];
  for (const { id, inode, family, type, protocol, state, local, remote, receiveBuffer, sendBuffer } of await checkpoint.sockets()) {
    const queues = checkpoint.images.has(IMAGE_TYPES.tcpStream, inode) ? await checkpoint.tcpQueues(inode) : undefined;
    sockets.push({ inode, family, type, protocol, state, local, remote, owners: owners.get(id) ?? [], ...(queues && { receiveQueue: queues.message.inqLen, sendQueue: queues.message.outqLen }), ...present({ receiveBuffer, sendBuffer }) });
  }
  return sockets;
}

/** The fields of a message that are numbers, by their names there. */
function numbersOf(message: object | undefined): Record<string, number> | undefined {
  return message && Object.fromEntries(Object.entries(message).flatMap(([key, value]) => (typeof value === 'number' || typeof value === 'bigint' ? [[key, Number(value)]] : [])));
}

/** Without what is undefined: JSON has no such value. */
function present<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}
