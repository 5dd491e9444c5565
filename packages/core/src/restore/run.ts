import type { core_entry, ImageSet, inventory_entry, mm_entry, pstree_entry, task_kobj_ids_entry } from '@criu-ts/images';
import type { Puppet } from '@criu-ts/tracee';
import { CpuPin } from '../cpu-pin.js';
import { Bug, type TaskName } from '../errors.js';
import type { GrowthStep } from '../model/growth.js';
import type { RestoreStats } from '../events.js';
import type { Moment } from '../moments.js';
import { reach } from '../reach.js';
import type { RestoreOptions } from '../options.js';
import type { RestoredCgroups } from '../resources/cgroups/restore.js';
import type { RestoreContext } from '../resources/contexts.js';
import type { ProcessToRestore, ThreadToRestore } from '../resources/facets.js';
import { type NamespaceName, namespaceIdIn } from '../resources/identity.js';
import type { Heritage } from '../resources/memory/heritage.js';
import type { HostVdso } from '../resources/memory/vdso.js';
import type { RestoredNamespace } from '../resources/namespace-kind.js';
import { FileStore } from './file-store.js';
import { PageStores } from './page-stores.js';
import type { Scope } from '../scope.js';
import { standIn } from './stand-in.js';
import type { Emit } from '../stage.js';

/** One process, as the images have it. */
export interface TaskImages {
  readonly pid: number;
  readonly name: TaskName;
  readonly tree: pstree_entry;
  readonly core: core_entry;
  /** By thread id, the main thread's too. */
  readonly threads: ReadonlyMap<number, core_entry>;
  readonly ids: task_kobj_ids_entry;
  /** The process under whose pid the images have its memory: its own, or a relative that shares it (CLONE_VM). */
  readonly memory: number;
  readonly mm: mm_entry;
}

/** A zombie. */
export interface DeadImages {
  readonly pid: number;
  readonly name: TaskName;
  readonly tree: pstree_entry;
  readonly core: core_entry;
}

/** What was decided before any process was made. */
export interface RestorePlan {
  /** Parents before their children; the root first. */
  readonly tasks: readonly TaskImages[];
  readonly dead: readonly DeadImages[];
  /** How all of them are born. */
  readonly growth: readonly GrowthStep[];
  /** Where the blob lies in every process; behind it {@link PARKING} bytes for the vdso on its way. */
  readonly blob: number;
}

/** The state of one restore, filled in stage by stage. */
export class RestoreRun implements RestoreContext {
  readonly options: RestoreOptions;
  readonly emit: Emit;
  readonly scope: Scope;
  readonly images: ImageSet;
  readonly stats: { -readonly [K in keyof RestoreStats]: RestoreStats[K] } = {
    kind: 'restore', pagesCompared: 0, pagesSkippedCow: 0, pagesRestored: 0, forkingTime: 0, restoreTime: 0,
  };

  inventory: inventory_entry | undefined;
  #plan: RestorePlan | undefined;
  #files: FileStore | undefined;
  #pin: CpuPin | undefined;
  #vdso: HostVdso | undefined;
  seed: Puppet | undefined;
  readonly pages: PageStores;
  /** What processes are born with; empty where they share nothing. */
  heritage: ReadonlyMap<number, Heritage> = new Map();
  /** Set where the images have cgroups of the tree's own. */
  cgroups: RestoredCgroups | undefined;
  /** Those of the tree, and those of ours of which something hangs on it; set when the seed is in them. */
  readonly namespaces = new Map<string, RestoredNamespace>();
  /** Pids of all processes that were made and are not gone: zombies and stand-ins too. */
  readonly born = new Set<number>();
  readonly tasks = new Map<number, ProcessToRestore>();
  /** By thread id; main threads too. */
  readonly threads = new Map<number, ThreadToRestore>();
  /** True when the processes live without us: nothing is to be undone any more. */
  alive = false;

  readonly #shared = new Map<string, unknown>();

  constructor(options: RestoreOptions, images: ImageSet, scope: Scope, emit: Emit) {
    this.options = options;
    this.images = images;
    this.scope = scope;
    this.emit = emit;
    this.pages = scope.use(new PageStores(images));
  }

  get plan(): RestorePlan {
    if (this.#plan === undefined) throw new Bug('there is no plan yet');
    return this.#plan;
  }

  set plan(plan: RestorePlan) {
    this.#plan = plan;
  }

  /** As the puppets have it, parked behind the blob. */
  get vdso(): HostVdso {
    if (this.#vdso === undefined) throw new Bug('there is no puppet yet');
    return this.#vdso;
  }

  set vdso(vdso: HostVdso) {
    this.#vdso = vdso;
  }

  get files(): FileStore {
    return (this.#files ??= new FileStore(this, { processes: this.tasks, standIn: (pid) => standIn(this, pid) }));
  }

  /** From here on we share a CPU with the puppets, which inherit it. */
  pin(): void {
    this.#pin ??= this.scope.use(new CpuPin());
  }

  /** Lets us, and threads that are started, run everywhere until it is disposed of. */
  unpinned(): Disposable {
    return this.#pin?.release() ?? { [Symbol.dispose]: () => undefined };
  }

  /** @see CpuPin.elsewhere */
  elsewhere(tid: number): Disposable | undefined {
    return this.#pin?.elsewhere(tid);
  }

  /** Runs everywhere meanwhile, as what is started then would, too. */
  async reach(moment: Moment): Promise<void> {
    if (this.options.onMoment === undefined) return;
    using _everywhere = this.unpinned();
    await reach(moment, this.tasks.values().next().value?.pid, this.options, this.emit);
  }

  task(pid: number): ProcessToRestore {
    const task = this.tasks.get(pid);
    if (task === undefined) throw new Bug(`process ${pid} has not been made`);
    return task;
  }

  thread(tid: number): ThreadToRestore {
    const thread = this.threads.get(tid);
    if (thread === undefined) throw new Bug(`thread ${tid} has not been made`);
    return thread;
  }

  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  namespacePath(name: NamespaceName, id: number): string | undefined {
    if (namespaceIdIn(this.plan.tasks[0]?.ids, name) === id) return `/proc/${this.plan.tasks[0]?.pid}/ns/${name}`;
    return namespaceIdIn(this.inventory?.rootIds, name) === id ? `/proc/self/ns/${name}` : undefined;
  }

  defer(undo: () => void): void {
    this.scope.defer(undo);
  }
}
