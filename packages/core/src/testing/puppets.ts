// Puppets as test subjects: one sets objects up by its own system calls, another becomes like it.
import { SIG, SYS } from '@criu-ts/kernel/abi';
import { kill, type OwnedFd, pidfdGetfd, pidfdOpen, sys, Memory, wait4 } from '@criu-ts/kernel/sys';
import { plantSeed, type Puppet } from '@criu-ts/tracee';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

const BLOB_AT = 0x10_0000_0000;

export class Subject implements Disposable {
  readonly puppet: Puppet;
  readonly pid: number;
  readonly name: { readonly pid: number; readonly comm: string };
  readonly pidfd: OwnedFd;

  constructor() {
    this.puppet = plantSeed(BLOB_AT);
    this.pid = this.puppet.tracee.pid;
    this.name = { pid: this.pid, comm: 'subject' };
    this.pidfd = pidfdOpen(this.pid);
    this.puppet.call(SYS.close_range, 0, 0xffff_ffff, 0);
  }

  get status(): { umask: number } {
    return { umask: Number.parseInt(/^Umask:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))?.[1] ?? '', 8) };
  }

  /** A call with strings and bytes among its arguments; its result. */
  call(nr: number, ...args: readonly (number | bigint | string | Uint8Array)[]): number {
    return this.puppet.batch((batch) => {
      const ref = batch.call(nr, ...args.map((arg) => (typeof arg === 'string' ? batch.string(arg) : typeof arg === 'object' ? batch.bytes(arg) : arg)));
      batch.run();
      return batch.result(ref);
    });
  }

  /** The puppet's descriptor as ours. */
  take(fd: number): OwnedFd {
    return pidfdGetfd(this.pidfd, fd);
  }

  /** What is to be read from one of its descriptors now. */
  read(fd: number, length = 65536): string {
    using own = this.take(fd);
    const memory = new Memory(length);
    const count = sys(SYS.read, own.number, memory.address, length);
    return Buffer.from(memory.bytes.subarray(0, count)).toString('latin1');
  }

  /** All that /proc says of its descriptors: link and fdinfo, by number. */
  files(): Record<string, string> {
    const result: Record<string, string> = {};
    for (const fd of readdirSync(`/proc/${this.pid}/fd`)) {
      result[fd] = `${readlinkSync(`/proc/${this.pid}/fd/${fd}`)}\n${readFileSync(`/proc/${this.pid}/fdinfo/${fd}`, 'latin1')}`;
    }
    return result;
  }

  [Symbol.dispose](): void {
    this.pidfd[Symbol.dispose]();
    kill(this.pid, SIG.KILL);
    wait4(this.pid, 0x4000_0000);
  }
}
