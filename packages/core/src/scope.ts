/**
 * What must be undone, in reverse order: rule "whatever you take, a scope gives back". One failing undo does not keep
 * the others from running; the first error is thrown at the end.
 */
export class Scope implements Disposable {
  #undos: (() => void)[] = [];

  /** Disposes of the resource with the scope. */
  use<T extends Disposable>(resource: T): T {
    this.defer(() => resource[Symbol.dispose]());
    return resource;
  }

  defer(undo: () => void): void {
    this.#undos.push(undo);
  }

  /** From here on `other` gives back what was taken so far; it is returned. */
  moveTo(other: Scope): Scope {
    other.#undos.push(...this.#undos);
    this.#undos = [];
    return other;
  }

  /** All is well: what was deferred stays as it is. */
  forget(): void {
    this.#undos = [];
  }

  [Symbol.dispose](): void {
    const undos = this.#undos;
    this.#undos = [];
    let failed = false;
    let first: unknown;
    for (const undo of undos.reverse()) {
      try {
        undo();
      } catch (error) {
        if (!failed) first = error;
        failed = true;
      }
    }
    if (failed) throw first;
  }
}
