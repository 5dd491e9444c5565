import type { LongType, RepeatType, ScalarType } from '@protobuf-ts/runtime';
import type { WireReader } from './wire-reader.js';
import type { WireWriter } from './wire-writer.js';

/** What descriptions of messages and fields are; what is done by them lies beside. */

/** Under this key a message keeps the raw bytes of fields its type does not know; encoding writes them back. */
export const UNKNOWN_FIELDS: unique symbol = Symbol('unknown fields');

/** What `crit --pretty` makes of a field (opts.proto). */
export interface DisplayOptions {
  readonly hex?: boolean;
  readonly ipadd?: boolean;
  readonly flags?: string;
  readonly dev?: boolean;
  readonly odev?: boolean;
  readonly dict?: string;
  readonly conv?: string;
}

/** The values of a proto2 enum by name, as the generated code exports them. */
export type EnumValues = Readonly<Record<string, number>>;

/** A field as the generated code describes it: protobuf-ts's description, and what proto2 adds to it. */
export interface GeneratedField {
  readonly no: number;
  readonly name: string;
  readonly localName: string;
  readonly kind: 'scalar' | 'enum' | 'message';
  readonly T: ScalarType | (() => MessageType<object>) | (() => readonly [string, EnumValues]);
  readonly L?: LongType;
  readonly opt?: boolean;
  readonly repeat?: RepeatType;
  readonly options?: { readonly criu?: DisplayOptions };
  /** required: written whatever its value, and its absence is corruption */
  readonly req?: boolean;
  /** the proto2 default, which a reader assumes where an optional field is absent */
  readonly def?: bigint | boolean | number;
}

/**
 * Straight-line code for a list of messages that comes by the thousands. It covers the usual encoding only (all fields
 * in order), and leaves anything else, errors included, to the general codec: each half says how far it came.
 */
export interface ListFastPath {
  /** Reads elements of a field with this one-byte tag into the list, from the reader's place on, as long as they are usual. */
  decode(reader: WireReader, tag: number, end: number, list: object[]): void;
  /** Writes elements from the first on, as long as they are usual; returns how many. */
  encode(list: readonly object[], tag: number, writer: WireWriter): number;
}

/** A field, ready for coding. */
export interface Field {
  readonly no: number;
  /** the name in the .proto file and in JSON, `nr_pages` */
  readonly name: string;
  /** the property, `nrPages` */
  readonly key: string;
  /** one of the type numbers in field.ts */
  readonly type: number;
  readonly wireType: number;
  readonly repeated: boolean;
  readonly packed: boolean;
  readonly required: boolean;
  /** bit in the set of seen required fields; 0 beyond the 31st and for others */
  readonly requiredBit: number;
  /** field number and wire type, as written before each value */
  readonly tag: number;
  readonly message: (() => MessageType<object>) | undefined;
  readonly values: EnumValues | undefined;
  readonly default: bigint | boolean | number | undefined;
  readonly display: DisplayOptions;
  /** for lists that come by the thousands; their tag has one byte */
  readonly listFastPath: ListFastPath | undefined;
}

/** How to find a field while decoding; made on the first use of a message type. */
export interface DecodePlan {
  readonly fields: readonly Field[];
  /** by field number; holes where there is none */
  readonly byNumber: readonly (Field | undefined)[];
  readonly repeated: readonly Field[];
  readonly requiredBits: number;
  /** the required fields that have no bit */
  readonly requiredBeyond: readonly Field[];
}

/**
 * One proto2 message type of the image format.
 *
 * Values are plain objects with camelCase properties, 64-bit numbers as bigint, enums as numbers, bytes as Uint8Array.
 * Required and repeated fields are always there; an optional field that is not set is absent.
 * Text that is not UTF-8 (paths may hold any bytes) has each odd byte as U+DC80…U+DCFF, as Python's surrogateescape.
 * Fields this version does not know are kept under `UNKNOWN_FIELDS` and written back.
 *
 * The field tables are built on first use: a start pays only for the messages it meets.
 */
export interface MessageType<Message extends object> {
  readonly name: string;
  readonly plan: DecodePlan;
  readonly fields: readonly Field[];
  /** The generated description, in protobuf-ts's terms. */
  readonly generatedFields: readonly GeneratedField[];
  /** @throws ImageCorrupt, its offset counted from the message's beginning */
  decode(bytes: Uint8Array): Message;
  /**
   * The canonical encoding: fields in the order of their numbers, required ones whatever they hold.
   * @throws TypeError or RangeError naming the field that is missing or out of its type's range
   */
  encode(message: Message): Uint8Array;
  /** Appends the encoding to what the writer holds. */
  encodeInto(message: Message, writer: WireWriter): void;
  /** The proto2 default of an optional field, which a reader assumes where it is absent; undefined where the .proto gives none. */
  defaultOf<Key extends keyof Message & string>(key: Key): Message[Key] | undefined;
}
