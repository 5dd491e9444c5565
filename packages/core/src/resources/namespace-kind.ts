import { O } from '@criu-ts/kernel/abi';
import { enterNamespace, open, type OwnedFd } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import type { TaskName } from '../errors.js';
import type { DumpContext, RestoreContext } from './contexts.js';
import type { DescribedVma } from './memory/describe-vmas.js';

/** The namespace of one kind in which a tree is dumped. */
export interface DumpedNamespace {
  /** Its number in the images. */
  readonly id: number;
  /** The link of the root process that leads to it; undefined: it is ours, and no namespace of the tree's. */
  readonly path: string | undefined;
  readonly tasks: readonly { readonly pid: number; readonly name: TaskName; readonly mappings: readonly DescribedVma[] }[];
}

/** The namespace of one kind in which a tree is restored. */
export interface RestoredNamespace {
  /** Its number in the images. */
  readonly id: number;
  /** The images hold the namespace itself; otherwise only what hangs on the processes. */
  readonly stored: boolean;
  /** Ours, as long as the restore takes; undefined: it is our own. */
  readonly file: OwnedFd | undefined;
  /** It was made for the tree, and ends with it. */
  readonly made: boolean;
  /** The process of that pid; the root where it is none of the tree's. */
  puppet(pid?: number): Puppet;
  /** False once the restore has failed. */
  isAlive(): boolean;
}

/**
 * A kind of namespace (namespaces(7)) that a tree may have of its own: all of its processes in one, other than ours.
 * Where the tree shares ours, its functions are called only if something of it hangs on the processes
 * (`namespaces/registry.ts`); all but `found` heed that.
 */
export interface NamespaceKind {
  /** As in /proc/PID/ns: `ipc`. */
  readonly name: string;
  /** CLONE_NEW*: unshare(2) of the first process makes one. */
  readonly flag: number;
  /** What of it can't be kept goes to `at.refuse`; what can be kept is added to the images by `capture`. */
  judge?(namespace: DumpedNamespace, at: DumpContext): void;
  /** Adds it to the images. Only a frozen tree is captured. */
  capture?(namespace: DumpedNamespace, at: DumpContext): void;
  /** What has to be done before anything is born into a new one. @param seed the only process that is in it yet */
  found?(id: number, seed: Puppet, at: RestoreContext): void;
  /** Fills it: all processes are there, and blank. */
  restore?(namespace: RestoredNamespace, at: RestoreContext): void;
  /** What has to wait until all processes have their memory. */
  settle?(namespace: RestoredNamespace, at: RestoreContext): void;
  /** What of it can't be restored on this host; tried without making anything. @param stored the images hold the namespace itself */
  preflight?(id: number, stored: boolean, at: RestoreContext, attempt: (check: () => void) => void): void;
}

/** Takes us into the namespace of a dumped tree. */
export function enterDumped({ name, flag }: NamespaceKind, { path }: DumpedNamespace): Disposable {
  if (path === undefined) return NOWHERE;
  using file = open(path, O.RDONLY);
  return enterNamespace(file, name, flag);
}

/** Takes us into the namespace of a restored tree. */
export function enterRestored({ name, flag }: NamespaceKind, { file }: RestoredNamespace): Disposable {
  return file === undefined ? NOWHERE : enterNamespace(file, name, flag);
}

const NOWHERE: Disposable = { [Symbol.dispose]: () => undefined };
