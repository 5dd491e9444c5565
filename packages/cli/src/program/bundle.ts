import type { Declaration } from '@criu-ts/images/cli';
import type { Execute, Explain } from '../io.js';

/**
 * The program is bundles, one for each command that works and one for the rest: what is loaded costs time, used or not.
 * Each holds the whole command line. Where the command is the first word, the launcher takes its bundle; where options come
 * first, only the parser can tell, and the bundle `other` asks for the command's own.
 */
export type BundleName = (typeof COMMAND_BUNDLES)[number] | 'images' | 'other';

export const COMMAND_BUNDLES = ['dump', 'restore', 'explain', 'check'] as const;

/** What the launcher hands to a bundle. */
export interface Launcher {
  /** This bundle is the one that runs the command line. */
  readonly isMain: boolean;
  readonly load: (name: BundleName) => unknown;
}

export interface CommandBundle {
  readonly execute: Execute;
}

export interface ExplainBundle extends CommandBundle {
  readonly explain: Explain;
}

export interface ImagesBundle {
  readonly imageDeclarations: () => readonly Declaration[];
}

declare global {
  /** A parameter of the function that a bundle is. */
  const __launcher: Launcher;
}
