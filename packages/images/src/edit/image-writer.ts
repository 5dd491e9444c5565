import type { ByteAccess } from '../access/byte-access.js';
import { ImageWriter } from '../image-writer.js';
import type { ByteSink, ImageDirectory } from '../io/directory.js';
import type { ImageType } from '../layout.js';
import type { MessageType } from '../message/message-type.js';
import type { Patches } from './patches.js';
import { scanImage } from './scan-image.js';
import type { MessageChange } from './transformation.js';
import { walkMessage } from './walk.js';

const PIECE = 1024 * 1024;

/** Bytes `from` to `to` of a file, a MiB at a time, changed as the patches say. The caller may change them. */
export async function* piecesOf(access: ByteAccess, from: number, to: number, patches?: Patches): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = from; at < to; ) {
    const bytes = (await access.read(at, Math.min(PIECE, to - at))).slice();
    // The file shrank while it was read; what reads the result finds that out.
    if (bytes.length === 0) return;
    patches?.apply(bytes, BigInt(at));
    yield bytes;
    at += bytes.length;
  }
}

/** Copies a file as it is. */
export async function copyFile(access: ByteAccess, target: ImageDirectory, name: string): Promise<void> {
  using sink: ByteSink = target.create(name);
  for await (const piece of piecesOf(access, 0, access.size)) sink.write(piece);
  if (!access.sequential) access.close();
}

/** What is done to the messages of an image. */
export interface MessageWork {
  readonly changes: readonly Readonly<Record<string, MessageChange>>[];
  /** each message, when it is as it will be */
  readonly inspect: ((type: MessageType<object>, message: object) => void) | undefined;
}

/** Writes an image anew: messages changed by whatever is said of their names, payloads by the patches. @throws ImageCorrupt */
export async function rewriteImage(access: ByteAccess, type: ImageType<unknown>, target: ImageDirectory, name: string, { changes, inspect }: MessageWork, patches: Patches): Promise<void> {
  using writer = new ImageWriter(type, target.create(name));
  for await (const { part, message, payloadAt, end } of scanImage(access, type)) {
    walkMessage(part.message, message, ({ name: messageName }, nested) => {
      for (const table of changes) if (Object.hasOwn(table, messageName)) table[messageName]!(nested as Record<string, unknown>, { file: name });
    });
    if (inspect !== undefined) walkMessage(part.message, message, inspect);
    writer.message(message);
    for await (const piece of piecesOf(access, payloadAt, end, patches)) writer.raw(piece);
  }
  if (!access.sequential) access.close();
}
