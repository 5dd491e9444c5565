import type { CriuEvent } from '@criu-ts/core';
import { bytesText } from './units.js';

const BAR = 24;
/** Milliseconds between two drawings: quick enough for the eye, slow enough to cost nothing while tasks are frozen. */
const PERIOD = 60;
const CLEAR = '\r\x1b[K';

/** A line on the terminal that says what is going on; nothing of it remains at the end. */
export class ProgressBar {
  readonly #write: (text: string) => void;
  readonly #columns: number;
  #drawn = false;
  #at = -Infinity;

  constructor(write: (text: string) => void, columns: number) {
    this.#write = write;
    this.#columns = columns;
  }

  event(event: CriuEvent): void {
    if (event.type === 'stage-begin') this.#draw(event.at, event.stage);
    else if (event.type === 'progress') this.#draw(event.at, progressText(event.stage, event.done, event.total));
  }

  /** Takes the line away, before anything else is written. */
  clear(): void {
    if (this.#drawn) this.#write(CLEAR);
    this.#drawn = false;
  }

  #draw(at: number, text: string): void {
    // The first is delayed as well: whatever takes less time than that needs no bar.
    if (this.#at === -Infinity) this.#at = at;
    if (at - this.#at < PERIOD) return;
    this.#at = at;
    this.#drawn = true;
    this.#write(CLEAR + text.slice(0, this.#columns - 1));
  }
}

export function progressText(stage: string, done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(part * BAR);
  const percent = `${Math.floor(part * 100)}`.padStart(3);
  return `${stage.padEnd(10)} ${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${percent} %  ${bytesText(done)} of ${bytesText(total)}`;
}
