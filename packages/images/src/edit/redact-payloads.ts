import type { ByteAccess } from '../access/byte-access.js';
import { IMAGE_TYPES, imageTypeOfName } from '../image-types.js';
import { othersTurn } from '../io/turn.js';
import { isRaw } from '../layout.js';
import type { ImageType } from '../layout.js';
import type { ghost_chunk_entry } from '../gen/ghost-file.js';
import { ipc_msg } from '../gen/ipc-msg.js';
import type { ipc_msg_entry } from '../gen/ipc-msg.js';
import type { pipe_data_entry } from '../gen/pipe-data.js';
import type { sk_packet_entry } from '../gen/sk-packet.js';
import type { tcp_stream_entry } from '../gen/tcp-stream.js';
import { isCopied, isPageFile } from './files.js';
import { piecesOf } from './image-writer.js';
import { searches, wholeMatch } from './secret.js';
import type { Secret } from './secret.js';
import type { StreamMatch } from '../search/stream-search.js';
import { scanImage } from './scan-image.js';
import type { ScannedPart } from './scan-image.js';
import type { Work } from './transformation.js';

/** Bytes of a file that follow what came before of the same stream. */
interface Stretch {
  readonly stream: string;
  readonly at: number;
  readonly length: number;
  /** its place in the stream, where that has holes */
  readonly position?: number;
}

const whole = (stream: string, { payloadAt, payloadLength }: ScannedPart): Stretch[] => [{ stream, at: payloadAt, length: payloadLength }];

/** How what follows a message is made of streams: what one reader reads as one. */
const STREAMS = new Map<unknown, (part: ScannedPart, access: ByteAccess) => Stretch[] | Promise<Stretch[]>>([
  [IMAGE_TYPES.pipesData, (part) => whole(`pipe ${(part.message as pipe_data_entry).pipeId}`, part)],
  [IMAGE_TYPES.fifoData, (part) => whole(`fifo ${(part.message as pipe_data_entry).pipeId}`, part)],
  [IMAGE_TYPES.skQueues, (part) => whole(`queue of socket ${(part.message as sk_packet_entry).idFor}`, part)],
  [
    IMAGE_TYPES.tcpStream,
    ({ message, payloadAt }) => {
      const { inqLen, outqLen } = message as tcp_stream_entry;
      return [{ stream: 'receive queue', at: payloadAt, length: inqLen }, { stream: 'send queue', at: payloadAt + inqLen, length: outqLen }];
    },
  ],
  [
    IMAGE_TYPES.ghostFile,
    (part) => {
      const { off } = part.message as Partial<ghost_chunk_entry>;
      return [{ stream: 'contents', at: part.payloadAt, length: part.payloadLength, position: Number(off ?? 0n) }];
    },
  ],
  [IMAGE_TYPES.ipcnsMsg, queuedMessages],
]);

/** Each queued message: { u32 size, ipc_msg, text padded to 8 bytes }. */
async function queuedMessages({ message, payloadAt, end }: ScannedPart, access: ByteAccess): Promise<Stretch[]> {
  const bytes = await access.read(payloadAt, end - payloadAt);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { qnum, desc } = message as ipc_msg_entry;
  let at = 0;
  return Array.from({ length: qnum }, (_, i) => {
    const size = view.getUint32(at, true);
    const { msize } = ipc_msg.decode(bytes.subarray(at + 4, at + 4 + size));
    const text = at + 4 + size;
    at = text + Math.ceil(msize / 8) * 8;
    return { stream: `message ${i} of queue ${desc.id}`, at: payloadAt + text, length: msize };
  });
}

/** Packed archives can't be looked into. */
const PACKED = /\.(gz|tgz|zst)(\.img)?$/;

/** Queues, removed files and everything else that lies in images beside memory. */
export async function redactPayloads(secrets: readonly Secret[], work: Work): Promise<void> {
  const { files } = work.checkpoint;
  for (const name of files.list()) {
    await othersTurn();
    work.signal?.throwIfAborted();
    if (isPageFile(name) || !isCopied(name)) continue;
    const access = files.open(name)!;
    const type = imageTypeOfName(name)?.type;
    if (type !== undefined && !isRaw(type)) await redactImage(name, access, type, secrets, work);
    else if (access.size > 0 && PACKED.test(name)) work.findings.leave({ file: name, object: 'a packed archive, which was not looked into', length: access.size });
    else await lookInto(name, access, secrets, work);
  }
}

async function redactImage(name: string, access: ByteAccess, type: ImageType<unknown>, secrets: readonly Secret[], work: Work): Promise<void> {
  const streams = new Map<string, Stretch[]>();
  for await (const part of scanImage(access, type)) {
    if (part.payloadLength === 0) continue;
    const stretches = STREAMS.get(type) ?? ((one: ScannedPart) => whole(`payload at ${one.payloadAt}`, one));
    for (const stretch of await stretches(part, access)) {
      const known = streams.get(stretch.stream);
      if (known === undefined) streams.set(stretch.stream, [stretch]);
      else known.push(stretch);
    }
  }
  for (const [stream, stretches] of streams) await redactStream(name, access, stream, stretches, secrets, work);
}

async function redactStream(name: string, access: ByteAccess, stream: string, stretches: readonly Stretch[], secrets: readonly Secret[], work: Work): Promise<void> {
  const patches = work.payload(name);
  /** where the stretches begin in the stream */
  let next = 0;
  const placed = stretches.map((stretch) => {
    const position = stretch.position ?? next;
    next = position + stretch.length;
    return { ...stretch, position };
  });
  for (const secret of secrets) {
    for await (const match of matchesIn(access, placed, secret)) {
      const { at, bytes } = wholeMatch(match, `${name}, ${stream}`);
      for (const { at: fileAt, length, position } of placed) {
        const from = Math.max(position, Number(at));
        const to = Math.min(position + length, Number(at) + bytes.length);
        if (from < to) patches.fill(BigInt(fileAt + from - position), to - from, secret.fill);
      }
      secret.outcome.changed({ file: name, object: `${stream}, at this offset`, address: at.toString(16), length: bytes.length });
    }
  }
}

/** Where a secret is in a stream whose parts lie at these places of a file. */
async function* matchesIn(access: ByteAccess, placed: readonly { readonly at: number; readonly length: number; readonly position: number }[], secret: Secret): AsyncGenerator<StreamMatch> {
  for (const search of searches(secret)) {
    for (const { at, length, position } of placed) {
      let offset = position;
      for await (const piece of piecesOf(access, at, at + length)) {
        yield* search.push(BigInt(offset), piece);
        offset += piece.length;
      }
    }
    yield* search.end();
  }
}

/** Files of other kinds are not changed; what is found in them is told. */
async function lookInto(name: string, access: ByteAccess, secrets: readonly Secret[], { findings }: Work): Promise<void> {
  for (const secret of secrets) {
    for await (const { at, bytes } of matchesIn(access, [{ at: 0, length: access.size, position: 0 }], secret)) findings.leave({ file: name, object: 'contents, at this offset', address: at.toString(16), length: bytes.length });
  }
}
