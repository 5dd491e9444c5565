import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { MessageType } from '../message/message-type.js';
import type { Edit } from './edits.js';
import type { PageChanges } from './page-changes.js';
import type { Patches } from './patches.js';
import type { Findings, Outcome } from './report.js';

/** Changes a message in place. */
export type MessageChange<Message = Record<string, unknown>> = (message: Message, at: { readonly file: string }) => void;

/** What transformations know of the checkpoint, and where they leave what is to be changed beyond messages. */
export interface Work {
  readonly checkpoint: Checkpoint;
  readonly pages: PageChanges;
  /** Changes of the raw bytes that follow messages, by the image's name and the offset in it. */
  payload(file: string): Patches;
  readonly findings: Findings;
  readonly signal: AbortSignal | undefined;
}

/** Edits of one sort, at work on one checkpoint. */
export interface Transformation {
  /** Looks at the checkpoint, before anything is written. @throws EditRefused */
  prepare?(work: Work): Promise<void>;
  /** What it does to messages, by their names. */
  readonly messages?: Readonly<Record<string, MessageChange>>;
  /** Looks at every message of every image as it is in the result. */
  inspect?(type: MessageType<object>, message: object, at: { readonly file: string }, work: Work): void;
}

/** Edits of the same sort, each with its outcome. */
export type Asked<Kind extends Edit['edit']> = readonly { readonly edit: Extract<Edit, { edit: Kind }>; readonly outcome: Outcome }[];

/** Ties a change to its message's type; the table of names holds them all alike. */
export const messageChange = <Message extends object>(change: MessageChange<Message>): MessageChange => change as unknown as MessageChange;
