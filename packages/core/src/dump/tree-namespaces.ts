import type { NamespaceLink } from '@criu-ts/kernel/procfs';
import { readNamespace } from '@criu-ts/kernel/procfs';
import { type TaskName, Unsupported } from '../errors.js';
import { type NamespaceName, namespaceId, namespaceNames, namespacesOf } from '../resources/identity.js';
import { namespaceKinds } from '../resources/namespaces/registry.js';

/** Namespaces that only the children of a task will live in (unshare(2)). */
const FOR_CHILDREN = ['pid', 'time'] as const;

/** In which namespaces the tree lives, as its root does. */
export class TreeNamespaces {
  /** Kinds of which it has one of its own. */
  readonly own: ReadonlySet<NamespaceName>;
  readonly #root: ReadonlyMap<NamespaceLink, number>;
  readonly #ours = namespacesOf('self');
  /** Before 4.12 the kernel did not tell. */
  readonly #knowsForChildren = new Set(FOR_CHILDREN.filter((kind) => readNamespace('self', `${kind}_for_children`) !== undefined));

  constructor(root: number) {
    this.#root = namespacesOf(root);
    this.own = new Set(namespaceNames.filter((name) => this.#root.get(name) !== this.#ours.get(name)));
  }

  /** The number in the images of the namespace of that inode; undefined: it is neither the tree's nor ours. */
  idOf(name: NamespaceName, inode: number): number | undefined {
    if (inode === this.#root.get(name)) return namespaceId(name, this.own.has(name));
    return inode === this.#ours.get(name) ? namespaceId(name, false) : undefined;
  }

  /** What of the namespaces of a task can't be kept. */
  problemsOf({ pid, name: task }: { readonly pid: number; readonly name: TaskName }, isRoot: boolean): Unsupported[] {
    const lives = namespacesOf(pid);
    const problems = namespaceNames.flatMap((name) => {
      const object = `${name} namespace`;
      if (lives.get(name) !== this.#root.get(name)) {
        return [new Unsupported('namespace', `it lives in another ${name} namespace than the root of the tree`, { object, task, why: 'a restore has one for the whole tree', hint: 'dump from the process that made the namespace' })];
      }
      if (!isRoot || !this.own.has(name) || namespaceKinds.some((row) => row.name === name)) return [];
      return [new Unsupported('namespace', `it lives in another ${name} namespace, which is not supported yet`, { object, task, hint: `run criu-ts in the same ${name} namespace (nsenter)` })];
    });
    if (problems.length > 0) return problems;
    return FOR_CHILDREN.flatMap((kind) => {
      // Nothing stands there until a first child is born into it.
      if (readNamespace(pid, `${kind}_for_children`)?.inode === lives.get(kind) || !this.#knowsForChildren.has(kind)) return [];
      return [new Unsupported('namespace', `its children will live in another ${kind} namespace, which is not supported yet`, { object: `${kind} namespace of its children`, task, hint: 'dump it from within that namespace, or before it unshares one' })];
    });
  }
}
