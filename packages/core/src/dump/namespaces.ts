import { Unsupported } from '../errors.js';
import { namespaceId } from '../resources/identity.js';
import type { DumpedNamespace, NamespaceKind } from '../resources/namespace-kind.js';
import { namespaceKinds } from '../resources/namespaces/registry.js';
import type { DumpRun } from './run.js';

/** What of the namespaces themselves can't be kept. */
export function judgeNamespaces(run: DumpRun): void {
  for (const [kind, namespace] of namespacesToKeep(run)) kind.judge?.(namespace, run);
}

/** Adds what the tree has of namespaces to the images. */
export function captureNamespaces(run: DumpRun): void {
  for (const [kind, namespace] of namespacesToKeep(run)) {
    try {
      kind.capture?.(namespace, run);
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      run.refuse(error);
    }
  }
}

function namespacesToKeep(run: DumpRun): [NamespaceKind, DumpedNamespace][] {
  const tasks = run.tasks.map(({ pid, name }) => ({ pid, name, mappings: run.vmas.get(pid) ?? [] }));
  const mappings = tasks.flatMap((task) => task.mappings.map(({ entry }) => entry));
  return namespaceKinds.flatMap(({ name, kind, isTouched }): [NamespaceKind, DumpedNamespace][] => {
    const own = run.namespaces.own.has(name);
    if (!own && !isTouched(mappings)) return [];
    return [[kind, { id: namespaceId(name, own), path: own ? `/proc/${run.rootThread}/ns/${name}` : undefined, tasks }]];
  });
}
