import { decodeMessage } from './decode.js';
import type { DecodePlan, Field, GeneratedField, MessageType } from './description.js';
import { WireWriter, encodeMessage } from './encode.js';
import { fieldsOf } from './field.js';
import { WireReader } from './wire-reader.js';

export type { MessageType };

/** A message type that codes by its description. */
export class DescribedType<Message extends object> implements MessageType<Message> {
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

  get generatedFields(): readonly GeneratedField[] {
    return this.#generated();
  }

  decode(bytes: Uint8Array): Message {
    return decodeMessage(this, new WireReader(bytes), bytes.length, 0) as Message;
  }

  encode(message: Message): Uint8Array {
    const writer = new WireWriter();
    encodeMessage(this, message, writer);
    return writer.finish();
  }

  encodeInto(message: Message, writer: WireWriter): void {
    encodeMessage(this, message, writer);
  }

  defaultOf<Key extends keyof Message & string>(key: Key): Message[Key] | undefined {
    return this.fields.find((field) => field.key === key)?.default as Message[Key] | undefined;
  }
}

export function messageType<Message extends object>(name: string, generated: () => readonly GeneratedField[]): MessageType<Message> {
  return new DescribedType<Message>(name, generated);
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
