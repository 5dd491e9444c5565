// System V message queues: msgget(2), msgop(2), msgctl(2).
import { IMAGE_TYPES, type ipc_msg, type ipc_msg_entry, type WithPayload } from '@criu-ts/images';
import { ERRNO, IPC, MSGRCV, msqid64_ds, SYS } from '@criu-ts/kernel/abi';
import { Memory, rawSyscall, scratch, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import { HostLacks, Unsupported } from '../errors.js';
import type { DumpContext } from '../resources/contexts.js';
import { createObject, describeObject, permissionsOf, QUEUE } from './objects.js';

/** A message begins with its type, a long. */
const TYPE = 8;

type Message = WithPayload<ipc_msg>;

function statQueue(id: number): ReturnType<typeof msqid64_ds.read> {
  sys(SYS.msgctl, id, IPC.STAT, scratch.address);
  return msqid64_ds.read(scratch.view, 0);
}

/** Adds a queue with its messages, which stay in it. We must be in its namespace. @throws HostLacks, Unsupported */
export function captureQueue(id: number, namespaceId: number, at: DumpContext): void {
  const status = statQueue(id);
  const qnum = Number(status.msg_qnum);
  const memory = new Memory(TYPE + Number(status.msg_cbytes));
  const messages = Array.from({ length: qnum }, (_, number) => copyMessage(id, number, memory));
  at.append(IMAGE_TYPES.ipcnsMsg, { message: { desc: describeObject(id, status), qbytes: Number(status.msg_qbytes), qnum }, payload: messages }, namespaceId);
}

function copyMessage(id: number, number: number, memory: Memory): Message {
  const size = rawSyscall(SYS.msgrcv, id, memory.address, memory.size - TYPE, number, IPC.NOWAIT | MSGRCV.COPY);
  const object = `message ${number} of System V message queue ${id}`;
  if (size === -ERRNO.ENOSYS) throw new HostLacks('kernel', 'the kernel does not show messages without taking them out', { object, hint: 'use a kernel with CONFIG_CHECKPOINT_RESTORE' });
  if (size === -ERRNO.EINVAL) throw new Unsupported('msg', 'it is longer than a message may be by now', { object, why: 'then the kernel does not show it', hint: 'raise kernel.msgmax in its ipc namespace again' });
  if (size < 0) throw new SyscallFailed(`msgrcv(${id}, ${number}, MSG_COPY)`, -size);
  return { message: { mtype: memory.view.getBigUint64(0, true), msize: size }, payload: memory.bytes.slice(TYPE, TYPE + size) };
}

/**
 * Makes a queue with its id, and sends its messages. We must be in its namespace, whose limits must allow for it.
 * @throws HostLacks, SyscallFailed
 */
export function restoreQueue({ desc, qbytes }: ipc_msg_entry, messages: readonly Message[], creator: Puppet, onMade: () => void): void {
  createObject(QUEUE, desc, creator, (b, key, flags) => b.attempt(SYS.msgget, key, flags));
  onMade();
  const set = (limit: number): void => {
    msqid64_ds.write(scratch.view, 0, { ...statQueue(desc.id), uid: desc.uid, gid: desc.gid, mode: permissionsOf(desc), msg_qbytes: BigInt(limit) });
    sys(SYS.msgctl, desc.id, IPC.SET, scratch.address);
  };
  // It may hold more than it would take now.
  set(roomFor(qbytes, messages));
  const memory = new Memory(TYPE + Math.max(0, ...messages.map(({ message }) => message.msize)));
  for (const { message, payload } of messages) {
    memory.view.setBigUint64(0, message.mtype, true);
    if (payload !== undefined) memory.bytes.set(payload, TYPE);
    sys(SYS.msgsnd, desc.id, memory.address, message.msize, IPC.NOWAIT);
  }
  set(qbytes);
}

/** Bytes that a queue must be allowed to hold while its messages are sent: a message counts as one at least. */
export function roomFor(qbytes: number, messages: readonly Message[]): number {
  return Math.max(qbytes, messages.length, messages.reduce((sum, { message }) => sum + message.msize, 0));
}

/** Whether there is such a queue in our namespace. */
export function hasQueue(id: number): boolean {
  const result = rawSyscall(SYS.msgctl, id, IPC.STAT, scratch.address);
  return result !== -ERRNO.EINVAL && result !== -ERRNO.EIDRM;
}
