/** The task went away under our hands. */
export class TraceeDied extends Error {
  override readonly name = 'TraceeDied';
  readonly task: { readonly pid: number };

  constructor(tid: number, how: string) {
    super(how);
    this.task = { pid: tid };
  }
}

/** The task stopped for a reason that nobody asked for: our mistake, or somebody else steers it too. */
export class UnexpectedStop extends Error {
  override readonly name = 'UnexpectedStop';
  readonly task: { readonly pid: number };

  constructor(tid: number, text: string) {
    super(text);
    this.task = { pid: tid };
  }
}

/** A task that can't be stopped. */
export class FreezeFailed extends Error {
  override readonly name = 'FreezeFailed';
  readonly task: { readonly pid: number };
  readonly hint: string;

  constructor(pid: number, why: string, hint: string) {
    super(`it can't be stopped: ${why}`);
    this.task = { pid };
    this.hint = hint;
  }
}
