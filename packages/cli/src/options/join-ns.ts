import type { JoinNamespace } from '@criu-ts/core';
import path from 'node:path';
import { UsageError } from '../usage-error.js';
import type { Values } from './table.js';

/** What criu(8) names, pid apart: that it refuses itself. */
const NAMES: ReadonlySet<string> = new Set(['net', 'uts', 'time', 'ipc', 'user', 'mnt']);

/** `--join-ns`, for the API; nothing where it was not given. @throws UsageError */
export function joinNamespacesOf(values: Values, cwd: string): { readonly joinNamespaces?: readonly JoinNamespace[] } {
  const given = values['join-ns'] ?? [];
  return given.length === 0 ? {} : { joinNamespaces: given.map((text) => parseJoinNamespace(text, cwd)) };
}

/** `ipc:/run/netns/x`, `uts:4127` (of a process), `user:FILE,UID,GID`. */
export function parseJoinNamespace(text: string, cwd: string): JoinNamespace {
  const [, name = '', file = ''] = /^(\w+):([^,]+)/.exec(text) ?? [];
  if (!NAMES.has(name)) throw new UsageError(`invalid argument for --join-ns: ${text} (it is NS:FILE or NS:PID, with NS one of ${[...NAMES].join(', ')})`);
  return { name, path: /^\d+$/.test(file) ? `/proc/${file}/ns/${name}` : path.resolve(cwd, file) };
}
