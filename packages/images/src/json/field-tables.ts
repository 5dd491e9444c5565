import { layTables } from '@criu-ts/wasm';
import type { FieldKind, TableField, TableMessage } from '@criu-ts/wasm';
import { BOOL, BYTES, ENUM, FIXED64, INT32, INT64, MESSAGE, SINT32, SINT64, STRING, UINT32, UINT64 } from '../message/field.js';
import type { Field } from '../message/description.js';
import type { MessageType } from '../message/message-type.js';

const KINDS: Readonly<Record<number, FieldKind>> = {
  [UINT32]: 'uint32',
  [UINT64]: 'uint64',
  [INT32]: 'int32',
  [INT64]: 'int64',
  [SINT32]: 'sint32',
  [SINT64]: 'sint64',
  [BOOL]: 'bool',
  [ENUM]: 'enum',
  [FIXED64]: 'fixed64',
  [STRING]: 'string',
  [BYTES]: 'bytes',
  [MESSAGE]: 'message',
};

const described = new WeakMap<MessageType<object>, TableMessage>();
const laid = new WeakMap<MessageType<object>, Uint8Array>();

/** The tables by which `openMessageJson` goes, of this message and all that it may hold. */
export function tablesOf(type: MessageType<object>): Uint8Array {
  let tables = laid.get(type);
  if (tables === undefined) {
    tables = layTables(tableMessage(type));
    laid.set(type, tables);
  }
  return tables;
}

function tableMessage(type: MessageType<object>): TableMessage {
  let table = described.get(type);
  if (table === undefined) {
    table = { fields: type.fields.map(tableField) };
    described.set(type, table);
  }
  return table;
}

function tableField({ name, tag, type, repeated, packed, required, values, message, display }: Field): TableField {
  // Names of unix sockets are quoted-printable.
  const kind = display.conv === 'unix_name' ? 'other' : KINDS[type]!;
  return { name, tag, kind, repeated, packed, required, values, message: message && (() => tableMessage(message())) };
}
