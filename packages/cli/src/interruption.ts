import type { Cancellation } from '@criu-ts/core';

/** What an AbortController is to the core; Node's own would cost a millisecond at every start. */
export class Interruption implements Cancellation {
  #reason: Error | undefined;

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  /** The first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason;
  }

  throwIfAborted(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }
}
