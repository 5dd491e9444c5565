// How a blank process gets its descriptors: the kernel always gives the lowest free number, so every result is known
// beforehand. Pure; `installDescriptors` turns it into calls.

/** A descriptor that a process shall have. */
export interface WantedDescriptor {
  readonly fd: number;
  readonly file: number;
  readonly cloexec: boolean;
}

export type DescriptorStep =
  /** pidfd_getfd(2) of the file from our process; it comes as `fd`, close-on-exec. */
  | { readonly kind: 'fetch'; readonly file: number; readonly fd: number }
  /** dup3(2) */
  | { readonly kind: 'duplicate'; readonly from: number; readonly to: number; readonly cloexec: boolean }
  | { readonly kind: 'inherit'; readonly fd: number }
  | { readonly kind: 'close'; readonly fd: number };

export interface DescriptorPlan {
  /** Where the pidfd of our process stands meanwhile. */
  readonly pidfd: number;
  readonly steps: readonly DescriptorStep[];
}

/**
 * The process has no descriptor when the plan begins, but the pidfd at `pidfd`.
 * Each file is fetched once, and duplicated to where else it belongs.
 */
export function planDescriptors(wanted: readonly WantedDescriptor[]): DescriptorPlan {
  const ascending = [...wanted].sort((a, b) => a.fd - b.fd);
  const targets = new Set(ascending.map(({ fd }) => fd));
  let pidfd = 0;
  while (targets.has(pidfd)) pidfd++;
  const taken = new Set([pidfd]);
  const steps: DescriptorStep[] = [];
  const standsAt = new Map<number, number>();
  let lowest = 0;
  for (const { fd, file, cloexec } of ascending) {
    const first = standsAt.get(file);
    if (first === undefined) {
      while (taken.has(lowest)) lowest++;
      steps.push({ kind: 'fetch', file, fd: lowest });
      // Below `fd` only what is wanted is taken, so the lowest free number is `fd` itself or a hole below it.
      if (lowest !== fd) steps.push({ kind: 'duplicate', from: lowest, to: fd, cloexec }, { kind: 'close', fd: lowest });
      else if (!cloexec) steps.push({ kind: 'inherit', fd });
      standsAt.set(file, fd);
    } else {
      steps.push({ kind: 'duplicate', from: first, to: fd, cloexec });
    }
    taken.add(fd);
  }
  return { pidfd, steps };
}
