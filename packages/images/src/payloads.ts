import { ImageCorrupt } from './errors.js';
import { ipc_msg } from './gen/ipc-msg.js';
import type { bpfmap_data_entry } from './gen/bpfmap-data.js';
import type { ghost_chunk_entry, ghost_file_entry } from './gen/ghost-file.js';
import type { ipc_msg_entry } from './gen/ipc-msg.js';
import type { ipc_sem_entry } from './gen/ipc-sem.js';
import type { ipc_shm_entry } from './gen/ipc-shm.js';
import type { pipe_data_entry } from './gen/pipe-data.js';
import type { sk_packet_entry } from './gen/sk-packet.js';
import type { tcp_stream_entry } from './gen/tcp-stream.js';
import type { ByteCursor } from './io/cursor.js';
import { swapped } from './io/cursor.js';
import type { PayloadCodec, WithPayload } from './layout.js';
import type { WireWriter } from './message/encode.js';

/** Receive and send queue of a TCP connection. */
export interface TcpQueues {
  readonly inq: Uint8Array;
  readonly outq: Uint8Array;
}

const roundUp = (size: number, to: number): number => Math.ceil(size / to) * to;

function writePadded(writer: WireWriter, bytes: Uint8Array, padTo: number): void {
  writer.bytes(bytes);
  writer.bytes(new Uint8Array(roundUp(bytes.length, padTo) - bytes.length));
}

/** Raw bytes whose number the message tells, padded with zeroes to a multiple of `padTo`. */
function sizedBytes<Message extends object>(sizeOf: (message: Message) => number, padTo = 1): PayloadCodec<Message, Uint8Array> {
  return {
    shape: 'bytes',
    read(cursor, message) {
      const size = sizeOf(message);
      return cursor.take(roundUp(size, padTo), 'payload').slice(0, size);
    },
    write(writer, message, payload) {
      const size = sizeOf(message);
      if ((payload?.length ?? 0) !== size) throw new TypeError(`the payload has ${payload?.length ?? 0} bytes, its message says ${size}`);
      if (payload !== undefined) writePadded(writer, payload, padTo);
    },
    skip(cursor, message) {
      const size = sizeOf(message);
      cursor.skip(roundUp(size, padTo), 'payload');
      return size;
    },
  };
}

export const pipeData = sizedBytes<pipe_data_entry>((m) => m.bytes);
export const packetData = sizedBytes<sk_packet_entry>((m) => m.length);
export const bpfMapData = sizedBytes<bpfmap_data_entry>((m) => m.keysBytes + m.valuesBytes);
export const ghostChunk = sizedBytes<ghost_chunk_entry>((m) => Number(m.len));
/** The segment's contents, where they are not in a pagemap (ipc_shm_entry.in_pagemaps). */
export const shmSegment = sizedBytes<ipc_shm_entry>((m) => (m.inPagemaps === true ? 0 : Number(m.size)), 4);

/** A ghost file's contents up to the end of the image; in chunks of their own where the message says so. */
export const ghostContent: PayloadCodec<ghost_file_entry, Uint8Array> = {
  shape: 'bytes',
  read: (cursor, message) => (message.chunks === true ? undefined : cursor.take(cursor.remaining, 'file contents').slice()),
  write(writer, message, payload) {
    if (message.chunks === true && payload !== undefined) throw new TypeError('a ghost file in chunks has no contents of its own');
    if (payload !== undefined) writer.bytes(payload);
  },
  skip(cursor, message) {
    if (message.chunks === true) return 0;
    const size = cursor.remaining;
    cursor.skip(size, 'file contents');
    return size;
  },
};

export const tcpQueues: PayloadCodec<tcp_stream_entry, TcpQueues> = {
  shape: 'queues',
  read: (cursor, message) => ({
    inq: cursor.take(message.inqLen, 'receive queue').slice(),
    outq: cursor.take(message.outqLen, 'send queue').slice(),
  }),
  write(writer, message, payload) {
    const { inq, outq } = payload ?? { inq: new Uint8Array(0), outq: new Uint8Array(0) };
    if (inq.length !== message.inqLen || outq.length !== message.outqLen) {
      throw new TypeError(`the queues have ${inq.length} and ${outq.length} bytes, their message says ${message.inqLen} and ${message.outqLen}`);
    }
    writer.bytes(inq);
    writer.bytes(outq);
  },
  skip(cursor, message) {
    cursor.skip(message.inqLen, 'receive queue');
    cursor.skip(message.outqLen, 'send queue');
    return message.inqLen + message.outqLen;
  },
};

/** The values of a System V semaphore set, as u16, padded to 8 bytes. */
export const semaphoreValues: PayloadCodec<ipc_sem_entry, number[]> = {
  shape: 'u16s',
  read(cursor, message) {
    const bytes = cursor.take(roundUp(2 * message.nsems, 8), 'semaphore values');
    const high = cursor.bigEndian ? 0 : 1;
    return Array.from({ length: message.nsems }, (_, i) => bytes[2 * i + 1 - high]! | (bytes[2 * i + high]! << 8));
  },
  write(writer, message, payload = [], bigEndian) {
    if (payload.length !== message.nsems) throw new TypeError(`${payload.length} semaphore values for a set of ${message.nsems}`);
    const wrong = payload.find((value) => !Number.isInteger(value) || value < 0 || value > 0xffff);
    if (wrong !== undefined) throw new RangeError(`semaphore value ${wrong} is not a u16`);
    writePadded(writer, Uint8Array.from(payload.flatMap((value) => (bigEndian ? [value >> 8, value & 0xff] : [value & 0xff, value >> 8]))), 8);
  },
  skip(cursor, message) {
    cursor.skip(roundUp(2 * message.nsems, 8), 'semaphore values');
    return 2 * message.nsems;
  },
};

/** The messages of a System V queue: { u32 size, ipc_msg, text padded to 8 bytes } each. */
export const queuedMessages: PayloadCodec<ipc_msg_entry, WithPayload<ipc_msg>[]> = {
  shape: 'messages',
  read(cursor, message) {
    const list: WithPayload<ipc_msg>[] = [];
    for (let i = 0; i < message.qnum; i++) {
      const header = readHeader(cursor);
      list.push({ message: header, payload: cursor.take(roundUp(header.msize, 8), 'message text').slice(0, header.msize) });
    }
    return list;
  },
  write(writer, message, payload = [], bigEndian) {
    if (payload.length !== message.qnum) throw new TypeError(`${payload.length} messages for a queue of ${message.qnum}`);
    for (const { message: header, payload: text } of payload) {
      if (text.length !== header.msize) throw new TypeError(`the text has ${text.length} bytes, its message says ${header.msize}`);
      if (bigEndian) writeBigSized(writer, ipc_msg.encode(header));
      else {
        const begin = writer.beginSized();
        ipc_msg.encodeInto(header, writer);
        writer.endSized(begin);
      }
      writePadded(writer, text, 8);
    }
  },
  skip(cursor, message) {
    let size = 0;
    for (let i = 0; i < message.qnum; i++) {
      const before = cursor.offset;
      const header = readHeader(cursor);
      size += cursor.offset - before - 4 + header.msize;
      cursor.skip(roundUp(header.msize, 8), 'message text');
    }
    return size;
  },
};

function readHeader(cursor: ByteCursor): ipc_msg {
  const bytes = cursor.take(cursor.u32('size of ipc_msg'), 'ipc_msg');
  try {
    return ipc_msg.decode(bytes);
  } catch (error) {
    throw located(error, cursor, bytes.length);
  }
}

/** A message behind its size, as a big-endian machine writes it. */
export function writeBigSized(writer: WireWriter, message: Uint8Array): void {
  writer.fixed32(swapped(message.length));
  writer.bytes(message);
}

/** The same ImageCorrupt with the file and the place in it, thrown by a decoder that saw only the last `length` bytes. */
export function located(error: unknown, cursor: ByteCursor, length: number): unknown {
  return error instanceof ImageCorrupt ? error.within(cursor.source.name, cursor.offset - length) : error;
}
