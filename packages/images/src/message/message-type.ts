import { decodeMessage } from './decode.js';
import { WireWriter, encodeMessage } from './encode.js';
import { fieldsOf } from './field.js';
import type { Field, GeneratedField } from './field.js';
import { WireReader } from './wire-reader.js';

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
export class MessageType<Message extends object> {
  readonly name: string;
  readonly #generated: () => readonly GeneratedField[];
  #plan: DecodePlan | undefined;

  constructor(name: string, generated: () => readonly GeneratedField[]) {
    this.name = name;
    this.#generated = generated;
  }

  get plan(): DecodePlan {
    return (this.#plan ??= planOf(this.name, this.#generated()));
  }

  get fields(): readonly Field[] {
    return this.plan.fields;
  }

  /** The generated description, in protobuf-ts's terms. */
  get generatedFields(): readonly GeneratedField[] {
    return this.#generated();
  }

  /** @throws ImageCorrupt, its offset counted from the message's beginning */
  decode(bytes: Uint8Array): Message {
    return decodeMessage(this, new WireReader(bytes), bytes.length, 0) as Message;
  }

  /**
   * The canonical encoding: fields in the order of their numbers, required ones whatever they hold.
   * @throws TypeError or RangeError naming the field that is missing or out of its type's range
   */
  encode(message: Message): Uint8Array {
    const writer = new WireWriter();
    encodeMessage(this, message, writer);
    return writer.finish();
  }

  /** Appends the encoding to what the writer holds. */
  encodeInto(message: Message, writer: WireWriter): void {
    encodeMessage(this, message, writer);
  }

  /** The proto2 default of an optional field, which a reader assumes where it is absent; undefined where the .proto gives none. */
  defaultOf<Key extends keyof Message & string>(key: Key): Message[Key] | undefined {
    return this.fields.find((field) => field.key === key)?.default as Message[Key] | undefined;
  }
}

export function messageType<Message extends object>(name: string, generated: () => readonly GeneratedField[]): MessageType<Message> {
  return new MessageType<Message>(name, generated);
}

function planOf(name: string, generated: readonly GeneratedField[]): DecodePlan {
  const fields = fieldsOf(name, generated);
  const byNumber: (Field | undefined)[] = [];
  for (const field of fields) byNumber[field.no] = field;
  return {
    fields,
    byNumber,
    repeated: fields.filter((field) => field.repeated),
    requiredBits: fields.reduce((bits, field) => bits | field.requiredBit, 0),
    requiredBeyond: fields.filter((field) => field.required && field.requiredBit === 0),
  };
}
