// keyrings(7)
import { KEY_SPEC, KEYCTL, SYS } from '@criu-ts/kernel/abi';
import { rawSyscall } from '@criu-ts/kernel/sys';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import { Unsupported } from '../../errors.js';
import type { TaskName } from '../../errors.js';
import type { ProcessFacet, ThreadFacet } from '../facets.js';

/** Bytes of what is read of a keyring and of a key. */
const ROOM = 1024;

/** Keys that go when the thread ends. */
export const threadKeyring: ThreadFacet = {
  name: 'keyring',
  capture({ tid, task }, remote) {
    refuseKeyring(remote, KEY_SPEC.THREAD_KEYRING, `keyring of thread ${tid}`, task.name);
  },
  restore: [],
};

/** Keys that go when the process ends are refused. The session's are shared with others, and stay with them. */
export const processKeyrings: ProcessFacet = {
  name: 'keyrings',
  capture({ name }, _core, remote, at) {
    refuseKeyring(remote, KEY_SPEC.PROCESS_KEYRING, 'keyring of the process', name);
    const session = idOf(remote, KEY_SPEC.SESSION_KEYRING);
    const ours = at.shared('our session keyring', () => rawSyscall(SYS.keyctl, KEYCTL.GET_KEYRING_ID, KEY_SPEC.SESSION_KEYRING, 0));
    if (session === undefined || session === ours) return;
    const keys = at.shared(`keys of session keyring ${session}`, () => keysIn(remote, session));
    if (keys.length > 0) at.emit({ type: 'warning', task: name, text: `its session keyring has keys (${keys.join(', ')}): a restored process has the session keyring of whoever restores it` });
  },
  restore: [],
};

function refuseKeyring(remote: RemoteSyscalls, which: number, object: string, task: TaskName): void {
  if (idOf(remote, which) === undefined) return;
  throw new Unsupported('keyring', 'it has keys that end with it', { object, task, why: 'what is in them the kernel does not give out, as a rule', hint: 'have it keep its keys in the session or user keyring (keyctl(1))' });
}

/** undefined: there is none, or the kernel has no keys. */
function idOf(remote: RemoteSyscalls, which: number): number | undefined {
  const id = remote.call(SYS.keyctl, KEYCTL.GET_KEYRING_ID, which, 0);
  return id > 0 ? id : undefined;
}

/** `user: name` of each; the user's keyrings, which every session has, are none of them. */
function keysIn(remote: RemoteSyscalls, keyring: number): string[] {
  const length = Math.min(remote.call(SYS.keyctl, KEYCTL.READ, keyring, remote.data, ROOM), ROOM);
  if (length <= 0) return [];
  const bytes = remote.read(remote.data, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const serials = Array.from({ length: length >> 2 }, (_, i) => view.getInt32(4 * i, true));
  return serials.map((serial) => describeKey(remote, serial)).filter((text) => !text.startsWith('keyring: _'));
}

/** keyctl_describe(3): type;uid;gid;permissions;description */
function describeKey(remote: RemoteSyscalls, serial: number): string {
  const length = Math.min(remote.call(SYS.keyctl, KEYCTL.DESCRIBE, serial, remote.data, ROOM), ROOM);
  if (length <= 0) return `key ${serial}`;
  const [type = '', , , , ...name] = Buffer.from(remote.read(remote.data, length - 1)).toString('utf8').split(';');
  return `${type}: ${name.join(';')}`;
}
