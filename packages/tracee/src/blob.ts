import { batchBase64 } from './gen/native.js';

/** native/batch: entry at 0. */
export const batchCode: Uint8Array = Buffer.from(batchBase64, 'base64');

const PAGE = 4096;
const CODE_SIZE = PAGE;
const STACK_SIZE = PAGE;
const OPS_CAPACITY = 1024;
const OPS_SIZE = Math.ceil((OPS_CAPACITY * 72) / PAGE) * PAGE;
const DATA_SIZE = 64 * PAGE;

/** How the blob's mapping is divided: code, stack, ops, data. All sizes are whole pages. */
export const BLOB = {
  size: CODE_SIZE + STACK_SIZE + OPS_SIZE + DATA_SIZE,
  stackTop: CODE_SIZE + STACK_SIZE,
  ops: CODE_SIZE + STACK_SIZE,
  opsCapacity: OPS_CAPACITY,
  opsSize: OPS_SIZE,
  data: CODE_SIZE + STACK_SIZE + OPS_SIZE,
  dataSize: DATA_SIZE,
} as const;
