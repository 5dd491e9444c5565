import { setTimeout as sleep } from 'node:timers/promises';

type Maybe<T> = T | undefined | false | null;

/** Polls until `probe` gives something, and returns it. Throws with `what` after `timeoutMs`; `what` may be computed then. */
export async function waitFor<T>(
  what: string | (() => string),
  probe: () => Maybe<T> | Promise<Maybe<T>>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false && found !== null) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs / 1000} s for ${typeof what === 'string' ? what : what()}`);
    }
    await sleep(4);
  }
}
