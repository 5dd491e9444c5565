// keyctl(2), keyrings(7), linux/keyctl.h

export const KEYCTL = {
  GET_KEYRING_ID: 0,
  JOIN_SESSION_KEYRING: 1,
  DESCRIBE: 6,
  READ: 11,
} as const;

/** Keyrings by what they are to the caller. */
export const KEY_SPEC = {
  THREAD_KEYRING: -1,
  PROCESS_KEYRING: -2,
  SESSION_KEYRING: -3,
} as const;
