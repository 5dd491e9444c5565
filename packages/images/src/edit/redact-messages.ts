import type { user_x86_fpregs_entry } from '../gen/core-x86.js';
import type { tty_data_entry, tty_info_entry } from '../gen/tty.js';
import { BYTES, STRING } from '../message/field.js';
import type { MessageType } from '../message/message-type.js';
import { encodeText } from '../message/text.js';
import { matchesOf } from './secret.js';
import type { Secret } from './secret.js';
import type { Findings } from './report.js';
import { messageChange } from './transformation.js';
import type { MessageChange } from './transformation.js';

/** Fields whose bytes are the program's own data, and mean nothing to whoever restores them. */
const DATA = new Set(['tty_data_entry.data', 'tty_info_entry.closedInput']);

/** Fills what is found; tells how many places that were. */
function fillIn(bytes: Uint8Array, secret: Secret): number {
  const matches = matchesOf(secret, bytes);
  for (const { at, bytes: found } of matches) bytes.fill(secret.fill, Number(at), Number(at) + found.length);
  return matches.length;
}

/** What redaction changes in messages: input of terminals, and the registers that memory is copied through. */
export function redactedMessages(secrets: readonly Secret[]): Readonly<Record<string, MessageChange>> {
  const filled = (bytes: Uint8Array, file: string, object: string): Uint8Array => {
    const copy = bytes.slice();
    for (const secret of secrets) {
      const count = fillIn(copy, secret);
      if (count > 0) secret.outcome.changed({ file, object }, count);
    }
    return copy;
  };
  return {
    tty_data_entry: messageChange<tty_data_entry>((message, { file }) => {
      message.data = filled(message.data, file, 'what waits in a terminal');
    }),
    tty_info_entry: messageChange<tty_info_entry>((message, { file }) => {
      if (message.closedInput !== undefined) message.closedInput = filled(message.closedInput, file, 'what waits in a terminal');
    }),
    user_x86_fpregs_entry: messageChange<user_x86_fpregs_entry>((message, { file }) => {
      // A copy of 64 bytes goes through four of the first, two of the second, or one of the last.
      for (const width of [16, 32, 64]) {
        const registers = vectorRegisters(message);
        const seen = new Uint8Array(16 * width);
        for (let i = 0; i < 16; i++) seen.set(registers.subarray(i * 64, i * 64 + width), i * width);
        const after = filled(seen, file, 'vector registers');
        for (let i = 0; i < 16; i++) registers.set(after.subarray(i * width, (i + 1) * width), i * 64);
        putVectorRegisters(message, registers);
      }
    }),
  };
}

/** zmm0 to zmm15, of which ymm and xmm are the beginnings; where the images have only those, the rest is zero. */
function vectorRegisters({ xmmSpace, xsave }: user_x86_fpregs_entry): Uint8Array {
  const bytes = new Uint8Array(16 * 64);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 16; i++) {
    for (let word = 0; word < 4; word++) {
      view.setUint32(i * 64 + word * 4, xmmSpace[i * 4 + word] ?? 0, true);
      view.setUint32(i * 64 + 16 + word * 4, xsave?.ymmhSpace[i * 4 + word] ?? 0, true);
      view.setBigUint64(i * 64 + 32 + word * 8, xsave?.zmmUpper[i * 4 + word] ?? 0n, true);
    }
  }
  return bytes;
}

function putVectorRegisters(message: user_x86_fpregs_entry, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  message.xmmSpace = message.xmmSpace.map((word, i) => (i < 64 ? view.getUint32((i >> 2) * 64 + (i & 3) * 4, true) : word));
  const { xsave } = message;
  if (xsave === undefined) return;
  xsave.ymmhSpace = xsave.ymmhSpace.map((word, i) => (i < 64 ? view.getUint32((i >> 2) * 64 + 16 + (i & 3) * 4, true) : word));
  xsave.zmmUpper = xsave.zmmUpper.map((word, i) => (i < 64 ? view.getBigUint64((i >> 2) * 64 + 32 + (i & 3) * 8, true) : word));
}

/** Names, paths and settings can't be filled; where a secret is in one, that is told. */
export function lookIntoMessage(file: string, type: MessageType<object>, message: object, secrets: readonly Secret[], findings: Findings): void {
  for (const { key, type: fieldType, repeated } of type.fields) {
    if ((fieldType !== STRING && fieldType !== BYTES) || DATA.has(`${type.name}.${key}`)) continue;
    const value = (message as Record<string, unknown>)[key];
    for (const one of (repeated ? value : [value]) as readonly (string | Uint8Array | undefined)[]) {
      if (one === undefined) continue;
      const bytes = typeof one === 'string' ? encodeText(one) : one;
      if (secrets.some((secret) => matchesOf(secret, bytes).length > 0)) findings.leave({ file, object: `${type.name}.${key}` });
    }
  }
}
