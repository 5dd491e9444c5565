/** The command line can't be understood; the message is for whoever typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
