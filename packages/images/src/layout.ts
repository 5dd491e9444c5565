import type { ByteCursor } from './io/cursor.js';
import type { WireWriter } from './message/encode.js';
import type { MessageType } from './message/message-type.js';

/** The raw bytes that follow a message in an image, as a value. */
export interface PayloadCodec<Message extends object, Payload> {
  /** how JSON shows it (json/payload.ts) */
  readonly shape: 'bytes' | 'u16s' | 'queues' | 'messages';
  /** undefined: nothing follows this message, not even an empty payload */
  read(cursor: ByteCursor, message: Message): Payload | undefined;
  /** Appends the payload, its words in this byte order. @throws TypeError where it does not fit what the message says of it */
  write(writer: WireWriter, message: Message, payload: Payload | undefined, bigEndian: boolean): void;
  /** Passes over it and tells its size in bytes, padding not counted. */
  skip(cursor: ByteCursor, message: Message): number;
}

/** A message, and what follows it. */
export interface EntryPart {
  readonly message: MessageType<object>;
  readonly payload?: PayloadCodec<object, unknown>;
}

/** How the entries of an image kind follow each other: `first` where the first differs from the rest. */
export interface Layout {
  readonly first?: EntryPart;
  readonly rest: EntryPart;
}

/** An entry of a kind where raw bytes follow the message. */
export interface WithPayload<Message, Payload = Uint8Array> {
  readonly message: Message;
  readonly payload: Payload;
}

/**
 * A kind of image file: its name, the words it begins with, and its entries.
 * `Entry` is the message itself, or `WithPayload` for the kinds where bytes follow.
 */
export interface ImageType<Entry> {
  /** CRIU's name of the kind, `CORE`; JSON calls it "magic" */
  readonly kind: string;
  /** the file's name; %u, %lu, %d stand for a decimal id, %x for a hexadecimal one */
  readonly pattern: string;
  /** one or two u32 at the beginning, in the byte order of the machine */
  readonly words: readonly number[];
  readonly layout: Layout;
  /** never set: carries the type */
  readonly entry?: Entry;
}

/** A kind of file that is not made of messages. */
export interface RawImageType {
  readonly kind: string;
  readonly pattern: string;
  readonly words: readonly [];
  readonly holds: 'pages' | 'rtnetlink' | 'ctnetlink' | 'text' | 'tar.gz';
}

export type AnyImageType = ImageType<unknown> | RawImageType;

export function isRaw(type: AnyImageType): type is RawImageType {
  return type.words.length === 0;
}

const ID = /%l?[udx]/;

/** The file's name. @throws TypeError where the kind needs an id and gets none, or the other way round */
export function fileName(type: AnyImageType, id?: number | bigint): string {
  const hole = ID.exec(type.pattern);
  if ((hole === null) !== (id === undefined)) throw new TypeError(`${type.pattern} ${hole ? 'needs an id' : 'takes no id'}`);
  return hole === null ? type.pattern : type.pattern.replace(hole[0], id!.toString(hole[0].endsWith('x') ? 16 : 10));
}

/** The id in a file's name: undefined where the name is not of this kind, null where the kind has no id. */
export function idInName(type: AnyImageType, name: string): bigint | null | undefined {
  const hole = ID.exec(type.pattern);
  if (hole === null) return name === type.pattern ? null : undefined;
  const before = type.pattern.slice(0, hole.index);
  const after = type.pattern.slice(hole.index + hole[0].length);
  if (!name.startsWith(before) || !name.endsWith(after)) return undefined;
  const text = name.slice(before.length, name.length - after.length);
  const hexadecimal = hole[0].endsWith('x');
  if (!(hexadecimal ? /^[0-9a-f]+$/ : /^[0-9]+$/).test(text)) return undefined;
  return BigInt(hexadecimal ? `0x${text}` : text);
}
