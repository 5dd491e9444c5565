import type { MessageType } from '../message/message-type.js';
import type { ImageType } from '../layout.js';

/** Every message in a message, itself first. */
export function walkMessage(type: MessageType<object>, message: object, visit: (type: MessageType<object>, message: object) => void): void {
  visit(type, message);
  for (const { message: nested, key, repeated } of type.fields) {
    const value = nested && (message as Record<string, object | readonly object[] | undefined>)[key];
    if (value === undefined) continue;
    const all = repeated ? (value as readonly object[]) : [value];
    for (const one of all) walkMessage(nested!(), one, visit);
  }
}

/** The types of all messages that an image of this kind can hold. */
export function walkTypes(type: ImageType<unknown>): ReadonlySet<MessageType<object>> {
  const types = new Set<MessageType<object>>();
  const gather = (message: MessageType<object>): void => {
    if (types.has(message)) return;
    types.add(message);
    for (const { message: nested } of message.fields) if (nested !== undefined) gather(nested());
  };
  for (const part of [type.layout.first, type.layout.rest]) if (part !== undefined) gather(part.message);
  return types;
}

/** Their names. */
export const messagesIn = (type: ImageType<unknown>): ReadonlySet<string> => new Set([...walkTypes(type)].map(({ name }) => name));
