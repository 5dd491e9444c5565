import { AT, O, SYS } from '@criu-ts/kernel/abi';
import { openAt, OwnedFd, rawSyscall, scratch, sys, SyscallFailed } from '@criu-ts/kernel/sys';

const EEXIST = 17;
const ENOSPC = 28;
const EDQUOT = 122;
/** Smaller files are not worth a fallocate(2). */
const WORTH_ALLOCATING = 1024 * 1024;

/**
 * A file of pages on its way into the images. Until {@link commit} it has no name, so a dump that fails, or a crash,
 * leaves nothing behind; where the file system can't do that (O_TMPFILE) it has its name from the beginning.
 */
export class PagesFile implements Disposable {
  readonly fd: OwnedFd;
  readonly #directory: OwnedFd;
  readonly #name: string;
  #named: boolean;
  #committed = false;
  #size = 0;
  #allocated = 0;

  /** @param name such as `pages-1.img`; an older file of that name is replaced at the commit */
  constructor(directory: OwnedFd, name: string) {
    this.#directory = directory;
    this.#name = name;
    const nameless = rawSyscall(SYS.openat, directory.number, scratch.putString('.'), O.TMPFILE | O.RDWR | O.CLOEXEC, 0o600);
    this.#named = nameless < 0;
    if (nameless >= 0) this.fd = new OwnedFd(nameless);
    else {
      this.#unlink();
      this.fd = openAt(directory, name, O.RDWR | O.CREAT | O.EXCL, 0o600);
    }
  }

  /** Bytes reserved by {@link append}. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes the space beforehand, while the process still runs: then writing is mere copying, and a full disk shows
   * before anything was stopped. @throws SyscallFailed ENOSPC, EDQUOT
   */
  allocate(bytes: number): void {
    if (bytes < WORTH_ALLOCATING) return;
    const result = rawSyscall(SYS.fallocate, this.fd.number, 0, 0, bytes);
    // Other errors: this file system has no fallocate.
    if (result === -ENOSPC || result === -EDQUOT) throw new SyscallFailed(`fallocate(${this.#name}, ${bytes})`, -result);
    if (result === 0) this.#allocated = bytes;
  }

  /** Reserves the next `bytes`; their offset. */
  append(bytes: number): number {
    const offset = this.#size;
    this.#size += bytes;
    return offset;
  }

  /** Gives back what was allocated too much, and gives the file its name. */
  commit(): void {
    if (this.#allocated > this.#size) sys(SYS.ftruncate, this.fd.number, this.#size);
    if (!this.#named) {
      const from = scratch.putString(`/proc/self/fd/${this.fd.number}`);
      const to = scratch.putString(this.#name, 256);
      const link = (): number => rawSyscall(SYS.linkat, AT.FDCWD, from, this.#directory.number, to, AT.SYMLINK_FOLLOW);
      let result = link();
      if (result === -EEXIST) {
        sys(SYS.unlinkat, this.#directory.number, to, 0);
        result = link();
      }
      if (result < 0) throw new SyscallFailed(`linkat("${this.#name}")`, -result);
      this.#named = true;
    }
    this.#committed = true;
  }

  /** Closes it; without a commit nothing of it stays. */
  [Symbol.dispose](): void {
    if (this.#named && !this.#committed) this.#unlink();
    this.fd[Symbol.dispose]();
  }

  #unlink(): void {
    rawSyscall(SYS.unlinkat, this.#directory.number, scratch.putString(this.#name), 0);
  }
}
