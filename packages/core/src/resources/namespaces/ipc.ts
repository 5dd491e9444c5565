// ipc_namespaces(7): System V IPC (sysvipc(7)) and POSIX message queues (mq_overview(7)), with their limits.
import { IMAGE_TYPES } from '@criu-ts/images';
import { CLONE, SHM } from '@criu-ts/kernel/abi';
import { readSystemVIds } from '@criu-ts/kernel/procfs';
import { HostLacks, Unsupported } from '../../errors.js';
import { postQueueNames } from '../../system-v/post-queues.js';
import { judgeAttached, judgeSemaphores } from '../../system-v/judge.js';
import { type ObjectKind, QUEUE, SEGMENT, SEMAPHORES } from '../../system-v/objects.js';
import { captureQueue, hasQueue, restoreQueue, roomFor } from '../../system-v/queues.js';
import { attachSegment, captureSegment, filling, preflightSegment, readSegments, restoreSegment, settleSegment, statSegment } from '../../system-v/segments.js';
import { captureSemaphores, hasSemaphores, restoreSemaphores } from '../../system-v/semaphores.js';
import { describeSysctls, readSysctls, removesUnattached, wantedSysctls, widened, writeSysctls } from '../../system-v/sysctls.js';
import type { DumpContext, RestoreContext } from '../contexts.js';
import { attachedSegments } from '../memory/system-v.js';
import { type DumpedNamespace, enterDumped, enterRestored, type NamespaceKind, type RestoredNamespace } from '../namespace-kind.js';

export const ipc: NamespaceKind = {
  name: 'ipc',
  flag: CLONE.NEWIPC,

  judge(namespace, at) {
    using _inside = enterDumped(ipc, namespace);
    judgeAttached(namespace, at);
    const { leaveRunning, leaveStopped } = at.options;
    // The host's sets stay where they are, and what is held of them is lost only with its holder.
    if (namespace.path !== undefined) judgeSemaphores(namespace, at, '');
    else if (leaveRunning !== true && leaveStopped !== true) judgeSemaphores(namespace, at, 'dump it with --leave-running, or ');
    if (namespace.path === undefined) return;
    judgeUnattached(namespace, at);
    for (const name of postQueueNames()) {
      at.refuse(new Unsupported('mqueue', 'POSIX message queues are not supported yet', { object: `POSIX message queue /${name}`, why: 'it would be missing in the ipc namespace that the restore makes', hint: 'remove it (mq_unlink(3))' }));
    }
  },

  capture(namespace, at) {
    const { id, path } = namespace;
    using _inside = enterDumped(ipc, namespace);
    const attached = attachedSegments(namespace.tasks.flatMap(({ mappings }) => mappings.map(({ entry }) => entry)));
    for (const segment of path === undefined ? attached : readSystemVIds('shm')) {
      const status = statSegment(segment);
      if (status === undefined) throw new HostLacks('shm-missing', 'somebody has removed it meanwhile', { object: `System V segment ${segment}` });
      if (!captureSegment(segment, status, id, at) || attached.has(segment)) continue;
      // Nobody has it now, so that we have to.
      const ours = attachSegment(segment, status.shm_segsz, SHM.RDONLY);
      at.defer(() => ours[Symbol.dispose]());
      if (!ours.isPlain) throw new Unsupported('shm', 'huge pages of hugetlbfs are not supported yet', { object: `System V segment ${segment}`, why: 'only a mapping can fill them again, which is not done yet', hint: 'remove it, or run the program without SHM_HUGETLB' });
      at.noteSharedMemory(BigInt(segment), ours.procPath);
    }
    if (path === undefined) return;
    at.append(IMAGE_TYPES.ipcVar, describeSysctls(readSysctls()), id);
    for (const queue of readSystemVIds('msg')) captureQueue(queue, id, at);
    for (const set of readSystemVIds('sem')) captureSemaphores(set, id, at);
  },

  restore(namespace, at) {
    using _inside = enterRestored(ipc, namespace);
    if (!namespace.stored) {
      restoreSegments(namespace, at);
      return;
    }
    const queues = at.images.readIfPresent(IMAGE_TYPES.ipcnsMsg, namespace.id);
    const before = readSysctls();
    const wanted = wantedSysctls(at.images.readOne(IMAGE_TYPES.ipcVar, namespace.id));
    undoOnFailure(namespace, at, () => [false, true].forEach((last) => writeSysctls(before, last)));
    // What is there may be more than could be made by the limits of today.
    writeSysctls(widened(before, wanted, Math.max(0, ...queues.map(({ message, payload }) => roomFor(message.qbytes, payload ?? [])))), false);
    restoreSegments(namespace, at);
    for (const { message, payload } of queues) {
      if (hasQueue(message.desc.id)) throw taken(QUEUE, message.desc.id);
      restoreQueue(message, payload ?? [], namespace.puppet(), () => removeOnFailure(QUEUE, message.desc.id, namespace, at));
    }
    for (const { message, payload } of at.images.readIfPresent(IMAGE_TYPES.ipcnsSem, namespace.id)) {
      if (hasSemaphores(message.desc.id)) throw taken(SEMAPHORES, message.desc.id);
      restoreSemaphores(message, payload ?? [], namespace.puppet(), () => removeOnFailure(SEMAPHORES, message.desc.id, namespace, at));
    }
    writeSysctls(wanted, false);
  },

  settle(namespace, at) {
    using _inside = enterRestored(ipc, namespace);
    for (const { message } of readSegments(at, namespace.id)) settleSegment(message);
    for (const attached of filling(at).splice(0)) attached[Symbol.dispose]();
    if (namespace.stored) writeSysctls(wantedSysctls(at.images.readOne(IMAGE_TYPES.ipcVar, namespace.id)), true);
  },

  preflight(id, stored, at, attempt) {
    if (!stored) for (const { message } of readSegments(at, id)) attempt(() => preflightSegment(message));
  },
};

/** Who reads a segment has to attach it: where nobody else has, the kernel takes it away when that ends. */
function judgeUnattached({ tasks }: DumpedNamespace, at: DumpContext): void {
  if (!removesUnattached()) return;
  const attached = attachedSegments(tasks.flatMap(({ mappings }) => mappings.map(({ entry }) => entry)));
  for (const id of readSystemVIds('shm').filter((segment) => !attached.has(segment))) {
    at.refuse(new Unsupported('shm', 'nobody has attached it, and it would vanish when it is read', { object: `System V segment ${id}`, why: 'kernel.shm_rmid_forced is 1 in its ipc namespace', hint: 'attach it before the dump, or set that to 0 meanwhile' }));
  }
}

function restoreSegments(namespace: RestoredNamespace, at: RestoreContext): void {
  for (const segment of readSegments(at, namespace.id)) {
    const { creatorPid, desc } = segment.message;
    restoreSegment(segment, namespace.puppet(creatorPid), at, () => removeOnFailure(SEGMENT, desc.id, namespace, at));
  }
}

function taken({ kind, what, ipcrm }: ObjectKind, id: number): HostLacks {
  return new HostLacks(`${kind}-taken`, 'its id is taken by another one', { object: `${what} ${id}`, hint: `remove that one (ipcrm ${ipcrm} ${id}), if nobody needs it` });
}

function removeOnFailure({ remove }: ObjectKind, id: number, namespace: RestoredNamespace, at: RestoreContext): void {
  undoOnFailure(namespace, at, () => void remove(id));
}

/** A namespace that was made for the tree goes with it; another one has to be as it was. */
function undoOnFailure(namespace: RestoredNamespace, at: RestoreContext, undo: () => void): void {
  if (namespace.made) return;
  at.defer(() => {
    if (namespace.isAlive()) return;
    using _inside = enterRestored(ipc, namespace);
    undo();
  });
}
