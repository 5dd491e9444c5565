// What all answers of sock_diag have in common (sock_diag(7)).
import { SK_MEMINFO } from '../abi/sock-diag.js';
import { NetlinkFormatError } from './errors.js';

export interface Endpoint {
  /** Network order: 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** Bytes, as SK_MEMINFO numbers them; `drops` counts packets. */
export interface SocketMemory {
  readonly receiveAllocated: number;
  readonly receiveBuffer: number;
  readonly sendAllocated: number;
  readonly sendBuffer: number;
  readonly forwardAllocated: number;
  readonly sendQueued: number;
  readonly optionMemory: number;
  readonly backlog: number;
  readonly drops: number;
}

/** @throws NetlinkFormatError */
export function socketMemory(values: readonly number[]): SocketMemory {
  const at = (index: number): number => {
    const value = values[index];
    if (value === undefined) throw new NetlinkFormatError(`${values.length} values of memory information`);
    return value;
  };
  return {
    receiveAllocated: at(SK_MEMINFO.RMEM_ALLOC),
    receiveBuffer: at(SK_MEMINFO.RCVBUF),
    sendAllocated: at(SK_MEMINFO.WMEM_ALLOC),
    sendBuffer: at(SK_MEMINFO.SNDBUF),
    forwardAllocated: at(SK_MEMINFO.FWD_ALLOC),
    sendQueued: at(SK_MEMINFO.WMEM_QUEUED),
    optionMemory: at(SK_MEMINFO.OPTMEM),
    backlog: at(SK_MEMINFO.BACKLOG),
    // Not by kernels before 4.8.
    drops: values[SK_MEMINFO.DROPS] ?? 0,
  };
}

/** SO_COOKIE, of its two halves. */
export function cookieOf([low = 0, high = 0]: readonly number[]): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
