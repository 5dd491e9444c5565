import { AF, CLONE, MS_MOUNT, NETLINK, SIG, SOCK, SYS, WAIT } from '@criu-ts/kernel/abi';
import type { NetlinkSocket } from '@criu-ts/kernel/netlink';
import { kill, Memory, OwnedFd, pidfdGetfd, pidfdOpen, sys, wait4 } from '@criu-ts/kernel/sys';
import { type Batch, plantSeed, type Puppet } from '@criu-ts/tracee';
import { readFileSync } from 'node:fs';

/** Far from everything that a blank process has. */
const BLOB_PLACE = 0x100_0000_0000;

/** Where probes try things: in ourselves where that leaves no trace, else in a process that dies afterwards. */
export class Bench {
  readonly memory = new Memory(64 * 1024);

  /** A blank process of its own, steered by us; it is killed when `use` returns. */
  readonly withPuppet = <T>(use: (puppet: Puppet) => T): T => {
    const puppet = plantSeed(BLOB_PLACE);
    const { pid } = puppet.tracee;
    try {
      return use(puppet);
    } finally {
      kill(pid, SIG.KILL);
      wait4(pid, WAIT.ALL);
    }
  };

  /** In mount namespace of its own, from which nothing gets out, with an empty tmpfs as /tmp. */
  readonly withMounts = <T>(use: (puppet: Puppet) => T): T => {
    return this.withPuppet((puppet) => {
      puppet.call(SYS.unshare, CLONE.NEWNS);
      puppet.batch((b) => {
        b.call(SYS.mount, 0, text(b, '/'), 0, MS_MOUNT.REC | MS_MOUNT.PRIVATE, 0);
        b.call(SYS.mount, text(b, 'check'), text(b, '/tmp'), text(b, 'tmpfs'), 0, 0);
      });
      return use(puppet);
    });
  };

  /** A netlink socket in an empty network namespace, which is gone afterwards. */
  readonly inEmptyNetwork = <T>(protocol: number, use: (socket: RawNetlink, puppet: Puppet) => T): T => {
    return this.withPuppet((puppet) => {
      puppet.call(SYS.unshare, CLONE.NEWNET);
      using fd = fetch(puppet, puppet.call(SYS.socket, AF.NETLINK, SOCK.RAW, protocol));
      return use(new RawNetlink(fd, this.memory), puppet);
    });
  };

  /** Of the kernel's routing, in our own network namespace. */
  readonly withRoute = <T>(use: (socket: RawNetlink) => T): T => {
    using fd = new OwnedFd(sys(SYS.socket, AF.NETLINK, SOCK.RAW | SOCK.CLOEXEC, NETLINK.ROUTE));
    return use(new RawNetlink(fd, this.memory));
  };
}

/** A duplicate, ours, of a puppet's descriptor. */
export function fetch(puppet: Puppet, remote: number): OwnedFd {
  using pidfd = pidfdOpen(puppet.tracee.pid);
  return pidfdGetfd(pidfd, remote);
}

/** A string for a call of the batch. */
export function text(batch: Batch, value: string): number {
  return batch.bytes(Buffer.from(`${value}\0`));
}

/** fdinfo of a descriptor of ours. */
export function fdInfo(fd: OwnedFd): string {
  return readFileSync(`/proc/self/fdinfo/${fd.number}`, 'latin1');
}

export class RawNetlink implements NetlinkSocket {
  readonly #fd: OwnedFd;
  readonly #memory: Memory;

  constructor(fd: OwnedFd, memory: Memory) {
    this.#fd = fd;
    this.#memory = memory;
  }

  send(message: Uint8Array): void {
    this.#memory.bytes.set(message);
    sys(SYS.sendto, this.#fd.number, this.#memory.address, message.length, 0, 0, 0);
  }

  receive(): Uint8Array {
    const length = sys(SYS.recvfrom, this.#fd.number, this.#memory.address, this.#memory.size, 0, 0, 0);
    return this.#memory.bytes.slice(0, length);
  }
}
