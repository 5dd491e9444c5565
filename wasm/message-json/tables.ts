/** Tables of fields as message-json.c reads them: message-json.h has their layout. */

/** What a value is; the order is that of `enum kind`. `other` is left to the general codec wherever it comes. */
export const FIELD_KINDS = ['uint32', 'uint64', 'int32', 'int64', 'sint32', 'sint64', 'bool', 'enum', 'fixed64', 'string', 'bytes', 'message', 'other'] as const;
export type FieldKind = (typeof FIELD_KINDS)[number];

export interface TableField {
  /** in the .proto file and in JSON */
  readonly name: string;
  /** number and wire type, as written before each value; of a packed field that of its bytes */
  readonly tag: number;
  readonly kind: FieldKind;
  readonly repeated: boolean;
  readonly packed: boolean;
  readonly required: boolean;
  /** of an enum: its values by name, of which the first name of a value counts */
  readonly values?: Readonly<Record<string, number>> | undefined;
  /** of a message */
  readonly message?: (() => TableMessage) | undefined;
}

/** A message type; its fields in the order of their numbers. */
export interface TableMessage {
  readonly fields: readonly TableField[];
}

const MESSAGE_SIZE = 8;
const FIELD_SIZE = 28;
const NAME_SIZE = 12;
/** Longest name of a value that the room for numbers holds. */
const MAX_NAME = 40;
/** The module copies in steps of eight. */
const SLACK = 8;

const isAscii = (text: string): boolean => /^[\w-]*$/.test(text);

/** The tables of a message and of all that it may hold; its own is at offset 0. */
export function layTables(root: TableMessage): Uint8Array {
  const messages = reachable(root);
  const places = new Map<TableMessage, number>();
  let size = 0;
  for (const message of messages) {
    places.set(message, size);
    size += MESSAGE_SIZE + FIELD_SIZE * message.fields.length;
  }
  const namesAt = size;
  for (const message of messages) for (const field of message.fields) size += NAME_SIZE * namesOf(field).length;
  const texts: string[] = [];
  let textAt = size;
  const textPlace = (text: string): [number, number] => {
    const at = textAt;
    texts.push(text);
    textAt += text.length;
    return [at, text.length];
  };

  const words = new Uint32Array(size / 4);
  let nameAt = namesAt;
  for (const message of messages) {
    let at = places.get(message)! / 4;
    words[at++] = message.fields.length;
    words[at++] = message.fields.filter((field) => field.required).length;
    for (const field of message.fields) {
      const names = namesOf(field);
      const [key, keyLength] = textPlace(`"${field.name}": `);
      const flags = Number(field.repeated) | (Number(field.packed) << 8) | (Number(field.required) << 16);
      const more = field.message === undefined ? nameAt : places.get(field.message())!;
      words.set([field.tag, FIELD_KINDS.indexOf(kindOf(field)), flags, key, keyLength, more, names.length], at);
      at += FIELD_SIZE / 4;
      for (const [name, value] of names) {
        words.set([value >>> 0, ...textPlace(`"${name}"`)], nameAt / 4);
        nameAt += NAME_SIZE;
      }
    }
  }
  const bytes = new Uint8Array(textAt + SLACK);
  bytes.set(new Uint8Array(words.buffer));
  for (let at = size, i = 0; i < texts.length; at += texts[i]!.length, i++) for (let j = 0; j < texts[i]!.length; j++) bytes[at + j] = texts[i]!.charCodeAt(j);
  return bytes;
}

/** What the module has no way for is another kind. */
function kindOf(field: TableField): FieldKind {
  const odd = !isAscii(field.name) || (field.packed && FIELD_KINDS.indexOf(field.kind) > FIELD_KINDS.indexOf('enum')) || namesOf(field).some(([name]) => !isAscii(name) || name.length > MAX_NAME);
  return odd ? 'other' : field.kind;
}

const namesOf = (field: TableField): [string, number][] => Object.entries(field.values ?? {});

function reachable(root: TableMessage): Set<TableMessage> {
  const found = new Set([root]);
  // A set goes on with what is added while it is gone through.
  for (const message of found) for (const field of message.fields) if (field.message !== undefined) found.add(field.message());
  return found;
}
