import { O, SYS } from '@criu-ts/kernel/abi';
import { open, type OwnedFd } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import { Bug, HostLacks, toCriuError, Unsupported } from '../errors.js';
import { type NamespaceName, namespaceIdIn, namespaceNames } from '../resources/identity.js';
import type { RestoredNamespace } from '../resources/namespace-kind.js';
import { namespaceKinds, type NamespaceRow } from '../resources/namespaces/registry.js';
import type { RestoreRun } from './run.js';

/** Tells what of the namespaces in the images can't be had. @throws Unsupported */
export function checkNamespaces(run: RestoreRun): void {
  const [root, ...others] = run.plan.tasks;
  for (const name of namespaceNames) {
    const object = `${name} namespace`;
    const id = namespaceIdIn(root?.ids, name);
    const stray = others.find(({ ids }) => namespaceIdIn(ids, name) !== undefined && namespaceIdIn(ids, name) !== id);
    if (stray !== undefined) throw new Unsupported('image', `it lives in another ${name} namespace than the root of the tree`, { object, task: stray.name });
    if (isStored(run, name) && !namespaceKinds.some((row) => row.name === name)) {
      throw new Unsupported('image', `the tree has a ${name} namespace of its own, which is not supported yet`, { object, hint: `run it in the ${name} namespace of criu, and dump it there` });
    }
  }
  for (const { name } of run.options.joinNamespaces ?? []) {
    if (!namespaceKinds.some((row) => row.name === name)) throw new Unsupported('option', `a ${name} namespace can not be joined`, { object: '--join-ns', hint: `only ${namespaceKinds.map((row) => row.name).join(', ')}` });
  }
}

/** The images hold the namespace itself: the tree lived in another one than its dumper. */
export function isStored({ plan, inventory }: RestoreRun, name: NamespaceName): boolean {
  const [dumpers, roots] = [namespaceIdIn(inventory?.rootIds, name), namespaceIdIn(plan.tasks[0]?.ids, name)];
  return dumpers !== undefined && roots !== undefined && dumpers !== roots;
}

/** The kinds that the tree has of its own, or of which something hangs on its processes. */
export function namespacesInImages(run: RestoreRun): { readonly row: NamespaceRow; readonly id: number; readonly stored: boolean }[] {
  const mappings = run.plan.tasks.flatMap(({ mm }) => mm.vmas);
  return namespaceKinds.flatMap((row) => {
    const stored = isStored(run, row.name);
    return stored || row.isTouched(mappings) ? [{ row, stored, id: namespaceIdIn(run.plan.tasks[0]?.ids, row.name) ?? 0 }] : [];
  });
}

/** Takes the first process, of which all others are born, into the namespaces of the tree: new ones, or those of others. */
export function foundNamespaces(run: RestoreRun): void {
  const { seed } = run;
  if (seed === undefined) throw new Bug('namespaces are made by the seed');
  const joined = new Map((run.options.joinNamespaces ?? []).map(({ name, path }) => [name, run.scope.use(openNamespace(name, path))]));
  const found = namespaceKinds.filter(({ name }) => isStored(run, name) && !joined.has(name));
  const flags = found.reduce((all, { flag }) => all | flag, 0);
  if (flags !== 0) seed.batch((b) => b.doing(`make ${found.map(({ name }) => name).join(', ')} namespaces`).call(SYS.unshare, flags));
  for (const { name, flag } of namespaceKinds) {
    const file = joined.get(name);
    if (file !== undefined) join(seed, file, flag, name);
  }
  for (const { row, id, stored } of namespacesInImages(run)) {
    const file = joined.get(row.name);
    const made = stored && file === undefined;
    if (made) row.kind.found?.(id, seed, run);
    run.namespaces.set(row.name, { id, stored, made, file: made ? run.scope.use(open(`/proc/${seed.tracee.pid}/ns/${row.name}`, O.RDONLY)) : file, puppet: (pid) => (run.tasks.get(pid ?? 0) ?? run.task(run.plan.tasks[0]?.pid ?? 0)).puppet, isAlive: () => run.alive });
  }
}

/** That the namespaces to join are there. @throws HostLacks */
export function checkJoined({ options }: RestoreRun): void {
  for (const { name, path } of options.joinNamespaces ?? []) openNamespace(name, path)[Symbol.dispose]();
}

function openNamespace(name: string, path: string): OwnedFd {
  try {
    return open(path, O.RDONLY);
  } catch (error) {
    throw new HostLacks('namespace', `the ${name} namespace to join can not be opened: ${toCriuError(error).message}`, { object: path, hint: 'name a file such as /proc/PID/ns/ipc, or a process', cause: error });
  }
}

function join(seed: Puppet, file: OwnedFd, flag: number, name: string): void {
  seed.batch((b) => {
    b.doing(`join the ${name} namespace`);
    const pidfd = b.call(SYS.pidfd_open, process.pid, 0);
    const copy = b.call(SYS.pidfd_getfd, pidfd, file.number, 0);
    b.call(SYS.setns, copy, flag);
    b.call(SYS.close, copy);
    b.call(SYS.close, pidfd);
  });
}

/** Fills the namespaces. */
export async function restoreNamespaces(run: RestoreRun): Promise<void> {
  const stored = [...run.namespaces.values()].some((namespace) => namespace.stored);
  if (stored) await run.reach('setup-namespaces');
  eachKind(run, ({ kind }, namespace) => kind.restore?.(namespace, run));
  if (stored) await run.reach('post-setup-namespaces');
}

/** What had to wait until all processes have their memory. */
export function settleNamespaces(run: RestoreRun): void {
  eachKind(run, ({ kind }, namespace) => kind.settle?.(namespace, run));
}

function eachKind(run: RestoreRun, use: (row: NamespaceRow, namespace: RestoredNamespace) => void): void {
  for (const row of namespaceKinds) {
    const namespace = run.namespaces.get(row.name);
    if (namespace !== undefined) use(row, namespace);
  }
}
