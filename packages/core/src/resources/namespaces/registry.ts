// Kinds of namespaces that a tree may have of its own. In this order they are filled.
import type { vma_entry } from '@criu-ts/images';
import { CLONE } from '@criu-ts/kernel/abi';
import { readSystemVIds } from '@criu-ts/kernel/procfs';
import { isSystemV } from '../memory/system-v.js';
import type { NamespaceKind } from '../namespace-kind.js';
import { ipc } from './ipc.js';
import { time } from './time.js';
import { uts } from './uts.js';

/** What is known of a kind without it: a program may load that late. */
export interface NamespaceRow {
  readonly name: 'ipc' | 'uts' | 'time';
  readonly flag: number;
  readonly kind: NamespaceKind;
  /** Whether something of it hangs on the processes of a tree that shares ours. */
  readonly isTouched: (mappings: readonly vma_entry[]) => boolean;
}

export const namespaceKinds: readonly NamespaceRow[] = [
  { name: 'uts', flag: CLONE.NEWUTS, kind: uts, isTouched: () => false },
  { name: 'ipc', flag: CLONE.NEWIPC, kind: ipc, isTouched: (mappings) => mappings.some(isSystemV) || readSystemVIds('sem').length > 0 },
  { name: 'time', flag: CLONE.NEWTIME, kind: time, isTouched: () => true },
];
