import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `probe` gives something, and returns it. Throws with `what` after `timeoutMs`; `what` may be computed then. */
export async function waitFor<T>(
  what: string | (() => string),
  probe: () => T | undefined | false | null,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = probe();
    if (found !== undefined && found !== false && found !== null) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs / 1000} s for ${typeof what === 'string' ? what : what()}`);
    }
    await sleep(4);
  }
}
