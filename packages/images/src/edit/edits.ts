import type { Pattern } from '../search/stream-search.js';

/**
 * What can be changed in a checkpoint. Edits of one call apply to what was there before, not to each other's results:
 * 80 → 81 beside 81 → 80 swaps.
 */
export type Edit = PortEdit | BindEdit | PathEdit | EnvEdit | UidEdit | GidEdit | HostnameEdit | RedactEdit | DropPagesEdit | MergeParentsEdit | DeduplicateEdit | PagesEdit;

/** What becomes of a connection whose own end an edit names: its peer knows it by that. */
export type Connections = 'refuse' | 'keep';

/** The port that TCP, UDP and UDP-Lite sockets are bound to, listening or not; of IPv4 and IPv6. */
export interface PortEdit {
  readonly edit: 'port';
  readonly from: number;
  readonly to: number;
  /** 'refuse' by default */
  readonly connections?: Connections | undefined;
}

/** The address they are bound to; both of the same family. */
export interface BindEdit {
  readonly edit: 'bind';
  readonly from: string;
  readonly to: string;
  readonly connections?: Connections | undefined;
}

/** The beginning of every path, whole names only: /srv/app is no beginning of /srv/apple. Where several fit, the longest. */
export interface PathEdit {
  readonly edit: 'path';
  /** absolute, without `..` */
  readonly from: string;
  readonly to: string;
}

/** The value of an environment variable, in place: strings stay where they are, because the program points at them. */
export interface EnvEdit {
  readonly edit: 'env';
  readonly name: string;
  readonly value: string;
  /** by default, every process that has the variable */
  readonly pid?: number | undefined;
}

/** A user, in credentials and as an owner of what a restore makes. Capabilities stay as they are. */
export interface UidEdit {
  readonly edit: 'uid';
  readonly from: number;
  readonly to: number;
}

export interface GidEdit {
  readonly edit: 'gid';
  readonly from: number;
  readonly to: number;
}

/** The host's name in the UTS namespaces that the images hold. */
export interface HostnameEdit {
  readonly edit: 'hostname';
  readonly name: string;
}

/** Whatever the pattern matches is overwritten, in memory and in every queue and file that the images hold. */
export interface RedactEdit {
  readonly edit: 'redact';
  /** text is looked for as UTF-8 and as UTF-16 */
  readonly pattern: Pattern;
  /** the byte that is written over it; 0x2a, an asterisk, by default */
  readonly fill?: number | undefined;
}

/** Mappings whose pages can be left out: what a program then reads is zeros. */
export const DROPPABLE = ['heap', 'anonymous', 'shared', 'memfd', 'sysv'] as const;

/** Pages are left out, so that the program reads zeros there. */
export interface DropPagesEdit {
  readonly edit: 'drop-pages';
  /** of all mappings of this kind */
  readonly kind?: (typeof DROPPABLE)[number] | undefined;
  /** addresses, whole pages; `end` is not included */
  readonly range?: { readonly start: bigint; readonly end: bigint } | undefined;
  /** needed with `range` */
  readonly pid?: number | undefined;
}

/** What an incremental dump left with its parents comes into the set itself. */
export interface MergeParentsEdit {
  readonly edit: 'merge-parents';
}

/** Pages that are as the parent has them are left to it; pages of zeros are left out, where memory that nobody wrote to reads so. */
export interface DeduplicateEdit {
  readonly edit: 'deduplicate';
}

/** How page contents are stored. What is not given stays as it is. */
export interface PagesEdit {
  readonly edit: 'pages';
  readonly compress?: 'lz4' | 'none' | undefined;
  readonly checksum?: boolean | undefined;
}
