import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { ToolRun } from '../harness/workspace.js';

/** Named figures of one run: milliseconds, or MiB where the name ends in "MiB". */
export type Figures = Record<string, number>;

/** Of each figure: its values over all rounds. */
export class Samples {
  readonly #values = new Map<string, number[]>();

  add(figures: Figures): void {
    for (const [name, value] of Object.entries(figures)) this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
  }

  median(name: string): number | undefined {
    const sorted = (this.#values.get(name) ?? []).toSorted((a, b) => a - b);
    return sorted.length === 0 ? undefined : ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
  }

  toJSON(): Record<string, number[]> {
    return Object.fromEntries(this.#values);
  }
}

/** Wall time, CPU time and largest resident size of a run; `elsewhere`: CPU milliseconds that others spent for it. */
export function figuresOf(what: string, run: ToolRun, elsewhere: number): Figures {
  return { [what]: run.ms, [`${what} CPU`]: run.userMs + run.systemMs + elsewhere, [`${what} RSS MiB`]: run.maxRssKb / 1024 };
}

/**
 * Makes the host give memory back to a virtual machine that returned it: writes so many bytes to a file on the tmpfs and
 * removes it. What runs next, at once, measures the tool and not the host.
 */
export function warmUp(dir: string, bytes: number): void {
  const file = path.join(dir, 'warm-up');
  const fd = openSync(file, 'w');
  const chunk = Buffer.alloc(4 << 20, 1);
  for (let written = 0; written < bytes; written += chunk.length) writeSync(fd, chunk);
  closeSync(fd);
  rmSync(file);
}
