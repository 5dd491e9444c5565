// eventfd(2)

export const EFD = {
  SEMAPHORE: 0o1,
  CLOEXEC: 0o2000000,
  NONBLOCK: 0o4000,
} as const;
