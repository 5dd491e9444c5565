// What can go wrong in talking netlink.
import { ERRNO, errnoName } from '../abi/errno.js';

/** Bytes that are no netlink message: cut, or of lengths that contradict each other. */
export class NetlinkFormatError extends Error {
  constructor(message: string) {
    super(`netlink: ${message}`);
    this.name = 'NetlinkFormatError';
  }
}

/** The kernel refused a request. */
export class NetlinkError extends Error {
  /** Positive; ERRNO.* */
  readonly errno: number;
  /** "EINVAL" */
  readonly code: string;
  /** What the kernel says about it, where NETLINK_EXT_ACK is on. */
  readonly explanation: string | undefined;

  constructor(errno: number, explanation?: string) {
    super(`netlink: ${errnoName(errno)}${explanation === undefined ? '' : ` (${explanation})`}`);
    this.name = 'NetlinkError';
    this.errno = errno;
    this.code = errnoName(errno);
    this.explanation = explanation;
  }
}

/** The kernel cannot answer such requests at all: no such diag module, protocol or family. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof NetlinkError && (error.errno === ERRNO.ENOENT || error.errno === ERRNO.EOPNOTSUPP || error.errno === ERRNO.EPROTONOSUPPORT);
}
