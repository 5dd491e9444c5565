import type { InheritFd } from '@criu-ts/core';
import { UsageError } from '../usage-error.js';
import type { Values } from './table.js';

/** `--inherit-fd`, for the API; nothing where it was not given. @throws UsageError */
export function inheritFdsOf(values: Values): { readonly inheritFds?: readonly InheritFd[] } {
  const given = values['inherit-fd'] ?? [];
  return given.length === 0 ? {} : { inheritFds: given.map(parseInheritFd) };
}

/** `fd[3]:tty[8800005:1]`. */
export function parseInheritFd(text: string): InheritFd {
  const [, fd, resource] = /^fd\[(\d+)\]:(.+)$/.exec(text) ?? [];
  if (resource === undefined) throw new UsageError(`invalid argument for --inherit-fd: ${text} (it is fd[N]:RES)`);
  return { fd: Number(fd), resource };
}
