import type { Edit } from './edits.js';

/** Something that an edit changed, found, or left. */
export interface Place {
  /** the image */
  readonly file?: string | undefined;
  /** what in it: "creds_entry.uid", "file 7", "environment" */
  readonly object: string;
  readonly pid?: number | undefined;
  /** hexadecimal, of memory */
  readonly address?: string | undefined;
  /** bytes */
  readonly length?: number | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** how many of these, where more than one */
  readonly count?: number | undefined;
}

export interface EditResult {
  /** its number among the edits that were asked for, from 0 */
  readonly number: number;
  readonly edit: Edit['edit'];
  /** values, pages or matches that were changed */
  readonly changes: number;
  readonly places: readonly Place[];
  /** places beyond those that are listed */
  readonly more: number;
}

export interface EditReport {
  readonly edits: readonly EditResult[];
  /** what else one should know of the result */
  readonly notes: readonly string[];
  /** what no edit could look at, and how much of it */
  readonly notLookedAt: readonly Place[];
  /** where a redacted secret still is */
  readonly left: readonly Place[];
  /** files and bytes of the result; of a dry run, as they would be (before compression) */
  readonly written: { readonly files: number; readonly bytes: number };
}

/** Places of one edit that are listed. */
const LISTED = 1000;

/** Gathers what an edit did. */
export class Outcome {
  readonly number: number;
  readonly edit: Edit;
  changes = 0;
  readonly #places = new Map<string, { place: Place; count: number }>();
  #more = 0;

  constructor(number: number, edit: Edit) {
    this.number = number;
    this.edit = edit;
  }

  /** One more change; places that are told by the same words are one. */
  changed(place: Place, count = 1): void {
    this.changes += count;
    const key = JSON.stringify(place);
    const known = this.#places.get(key);
    if (known !== undefined) known.count += count;
    else if (this.#places.size < LISTED) this.#places.set(key, { place, count });
    else this.#more += count;
  }

  result(): EditResult {
    const places = [...this.#places.values()].map(({ place, count }) => (count === 1 ? place : { ...place, count }));
    return { number: this.number, edit: this.edit.edit, changes: this.changes, places, more: this.#more };
  }
}

/** What is told of the whole. */
export class Findings {
  readonly notes = new Set<string>();
  readonly #notLookedAt = new Map<string, { place: Place; count: number; length: number }>();
  readonly #left = new Map<string, { place: Place; count: number }>();

  /** Bytes that nobody could look at; those of the same object come together. */
  unseen(place: Place): void {
    const { length = 0, ...rest } = place;
    const key = JSON.stringify(rest);
    const known = this.#notLookedAt.get(key);
    if (known === undefined) this.#notLookedAt.set(key, { place: rest, count: 1, length });
    else {
      known.count++;
      known.length += length;
    }
  }

  leave(place: Place): void {
    const key = JSON.stringify(place);
    const known = this.#left.get(key);
    if (known === undefined) this.#left.set(key, { place, count: 1 });
    else known.count++;
  }

  get left(): Place[] {
    return [...this.#left.values()].map(({ place, count }) => (count === 1 ? place : { ...place, count }));
  }

  get notLookedAt(): Place[] {
    return [...this.#notLookedAt.values()].map(({ place, count, length }) => ({ ...place, ...(length > 0 && { length }), ...(count > 1 && { count }) }));
  }
}
