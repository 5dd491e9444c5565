// What can go wrong while /proc is read.

/** The task ended: its directory in /proc is gone, or reading gave ESRCH. */
export class ProcessGone extends Error {
  readonly task: string;

  constructor(task: string, options?: ErrorOptions) {
    super(`process ${task} is gone`, options);
    this.name = 'ProcessGone';
    this.task = task;
  }
}

/** A file of /proc does not look as the kernel documents it. `text` is the offending line, at most 200 characters. */
export class ProcFormatError extends Error {
  readonly file: string;
  readonly text: string;

  constructor(file: string, text: string, why: string) {
    const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
    super(`/proc/…/${file}: ${why}: ${JSON.stringify(shown)}`);
    this.name = 'ProcFormatError';
    this.file = file;
    this.text = shown;
  }
}

/** A line that no parser here knows: state that must not get lost in silence. The caller decides. */
export interface UnknownField {
  readonly key: string;
  /** Everything behind the key, as the kernel wrote it. */
  readonly value: string;
}
