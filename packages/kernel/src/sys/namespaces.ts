import { O } from '../abi/fcntl.js';
import { SYS } from '../abi/syscalls.js';
import { open } from './fs.js';
import { sys } from './libc.js';
import { scratch } from './memory.js';
import type { OwnedFd } from './owned-fd.js';

/**
 * Takes this thread, and nothing else of ours, into a namespace until the result is disposed of (setns(2)). For kinds
 * that a thread may change by itself: ipc, uts, net, cgroup. What is asynchronous runs on other threads, outside of it.
 * @param kind `ipc`, `uts` …  @param flag its CLONE_NEW*
 * @throws SyscallFailed EPERM, EINVAL
 */
export function enterNamespace(namespace: OwnedFd, kind: string, flag: number): Disposable {
  const own = open(`/proc/thread-self/ns/${kind}`, O.RDONLY);
  try {
    sys(SYS.setns, namespace.number, flag);
  } catch (error) {
    own[Symbol.dispose]();
    throw error;
  }
  return {
    [Symbol.dispose]: () => {
      try {
        sys(SYS.setns, own.number, flag);
      } finally {
        own[Symbol.dispose]();
      }
    },
  };
}

/** NODENAME and DOMAINNAME of uname(2), as bytes: they need be no text. */
const FIELD = 65;

/** Host and domain name of this thread's uts namespace, of whatever bytes. */
export function readNames(): { readonly nodename: Uint8Array; readonly domainname: Uint8Array } {
  sys(SYS.uname, scratch.address);
  return { nodename: field(1), domainname: field(5) };
}

function field(index: number): Uint8Array {
  const bytes = scratch.bytes.slice(index * FIELD, (index + 1) * FIELD);
  return bytes.subarray(0, bytes.indexOf(0));
}

/** sethostname(2), setdomainname(2). @throws SyscallFailed */
export function setNames(nodename: Uint8Array, domainname: Uint8Array): void {
  sys(SYS.sethostname, scratch.putString(nodename), nodename.length);
  sys(SYS.setdomainname, scratch.putString(domainname), domainname.length);
}
