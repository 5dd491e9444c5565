import { ipc_msg } from '../gen/ipc-msg.js';
import type { PayloadCodec, WithPayload } from '../layout.js';
import type { MessageType } from '../message/message-type.js';
import type { TcpQueues } from '../payloads.js';
import { encodeBase64 } from './bytes-text.js';
import { JsonInvalid } from './json-invalid.js';
import type { JsonValue } from './json-text.js';
import { arrayAt, base64At, messageFromJson, messageToJson, objectAt } from './message-json.js';

/** What JSON has in "extra" for each shape of payload. */
interface ShapeJson<Payload> {
  toJson(payload: Payload): JsonValue;
  /** @throws JsonInvalid */
  fromJson(json: JsonValue, at: string): Payload;
}

const MESSAGE_TYPE = ipc_msg as MessageType<object>;

const SHAPES: { readonly [Shape in PayloadCodec<object, unknown>['shape']]: ShapeJson<unknown> } = {
  bytes: { toJson: encodeBase64, fromJson: base64At } satisfies ShapeJson<Uint8Array>,
  queues: {
    toJson: ({ inq, outq }) => ({ inq: encodeBase64(inq), outq: encodeBase64(outq) }),
    fromJson(json, at) {
      const { inq, outq } = objectAt(json, at);
      return { inq: base64At(inq, `${at}.inq`), outq: base64At(outq, `${at}.outq`) };
    },
  } satisfies ShapeJson<TcpQueues>,
  u16s: {
    toJson: (values) => [...values],
    fromJson: (json, at) =>
      arrayAt(json, at).map((value, i) => {
        if (typeof value !== 'number') throw new JsonInvalid(`${at}[${i}]`, 'expected a number');
        return value;
      }),
  } satisfies ShapeJson<number[]>,
  // A message and its text in turn.
  messages: {
    toJson: (list) => list.flatMap(({ message, payload }): JsonValue[] => [messageToJson(MESSAGE_TYPE, message, false), encodeBase64(payload)]),
    fromJson(json, at) {
      const list = arrayAt(json, at);
      if (list.length % 2 !== 0) throw new JsonInvalid(at, 'expected a message and its text in turn');
      return Array.from({ length: list.length / 2 }, (_, i) => ({
        message: messageFromJson(MESSAGE_TYPE, list[2 * i]!, `${at}[${2 * i}]`) as ipc_msg,
        payload: base64At(list[2 * i + 1], `${at}[${2 * i + 1}]`),
      }));
    },
  } satisfies ShapeJson<WithPayload<ipc_msg>[]>,
};

export const payloadToJson = (codec: PayloadCodec<object, unknown>, payload: unknown): JsonValue => SHAPES[codec.shape].toJson(payload);

export const payloadFromJson = (codec: PayloadCodec<object, unknown>, json: JsonValue, at: string): unknown => SHAPES[codec.shape].fromJson(json, at);

/** A payload that is not shown: its size, as `crit show --nopl` has it. */
export function sizeText(bytes: number): string {
  let size = bytes;
  for (const unit of ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z']) {
    if (size < 1024) return `... <${Number.isInteger(size) ? size : size.toFixed(1)}${unit}B>`;
    size /= 1024;
  }
  return `... <${size.toFixed(1)}YB>`;
}
