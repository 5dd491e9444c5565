/**
 * unmatched: an edit names what is not there · refused: it can't be done soundly · conflict: two edits, or an edit and
 * something else in the checkpoint, want the same thing · damaged: the checkpoint is not whole
 */
export type RefusalCode = 'edit-unmatched' | 'edit-refused' | 'edit-conflict' | 'edit-damaged';

/** An edit can't be done; nothing was written. */
export class EditRefused extends Error {
  readonly code: RefusalCode;
  /** what it is about: "tcp 127.0.0.1:80", "PATH of process 7" */
  readonly object: string;
  readonly why: string;
  /** the way out, where there is one */
  readonly hint: string | undefined;

  constructor(code: RefusalCode, object: string, why: string, hint?: string) {
    super(`${object}: ${why}`);
    this.name = 'EditRefused';
    this.code = code;
    this.object = object;
    this.why = why;
    this.hint = hint;
  }
}
