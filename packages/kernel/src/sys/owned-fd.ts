import { SYS } from '../abi/syscalls.js';
import { rawSyscall } from './libc.js';

/** A descriptor of ours, closed when it is disposed of. Its number is only for system calls. */
export class OwnedFd implements Disposable {
  #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  get number(): number {
    if (this.#number < 0) throw new Error('the descriptor is closed');
    return this.#number;
  }

  [Symbol.dispose](): void {
    const number = this.#number;
    this.#number = -1;
    // Whatever close(2) says, the descriptor is gone; EINTR and EIO speak of data written earlier.
    if (number >= 0) rawSyscall(SYS.close, number);
  }

  /** Hands the number over to somebody else, who closes it. */
  release(): number {
    const number = this.number;
    this.#number = -1;
    return number;
  }
}
