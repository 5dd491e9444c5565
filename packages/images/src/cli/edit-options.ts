import { readFileSync } from 'node:fs';
import { DROPPABLE } from '../edit/edits.js';
import type { Connections, DropPagesEdit, Edit } from '../edit/edits.js';
import type { Arguments } from './command.js';
import { UsageError } from './terminal.js';

type Values = Arguments['values'];

const MANY = { type: 'string', multiple: true } as const;
const FLAG = { type: 'boolean' } as const;

/** Every option that asks for an edit, and what it asks for. */
export const EDIT_OPTIONS = {
  port: MANY,
  bind: MANY,
  'keep-connections': FLAG,
  path: MANY,
  env: MANY,
  pid: { type: 'string', short: 'p' },
  uid: MANY,
  gid: MANY,
  hostname: { type: 'string' },
  redact: MANY,
  'redact-text': MANY,
  'redact-file': MANY,
  'drop-pages': MANY,
  'merge-parents': FLAG,
  deduplicate: FLAG,
  compress: { type: 'string' },
  checksum: FLAG,
  'no-checksum': FLAG,
} as const;

/** All values of an option that may be given several times. */
function all(values: Values, name: keyof typeof EDIT_OPTIONS): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? (value as readonly string[]) : typeof value === 'string' ? [value] : [];
}

/** OLD=NEW, cut where the pattern says. */
function pair(option: string, text: string, pattern = /^([^=]*)=(.*)$/s): [string, string] {
  const [, from, to] = pattern.exec(text) ?? [];
  if (from === undefined || to === undefined || from === '') throw new UsageError(`--${option} wants OLD=NEW, not '${text}'`);
  return [from, to];
}

function numberOf(option: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`--${option} wants a number, not '${text}'`);
  return Number(text);
}

function numbers(option: string, text: string): { from: number; to: number } {
  const [from, to] = pair(option, text);
  return { from: numberOf(option, from), to: numberOf(option, to) };
}

/** @throws UsageError */
export function editsOf(values: Values): Edit[] {
  const pid = typeof values.pid === 'string' ? numberOf('pid', values.pid) : undefined;
  const connections: Connections = values['keep-connections'] === true ? 'keep' : 'refuse';
  const edits: Edit[] = [
    ...all(values, 'port').map((text): Edit => ({ edit: 'port', ...numbers('port', text), connections })),
    ...all(values, 'bind').map((text): Edit => {
      const [from, to] = pair('bind', text);
      return { edit: 'bind', from, to, connections };
    }),
    ...all(values, 'path').map((text): Edit => {
      // Names may hold a =; what follows the one that is meant is absolute.
      const [from, to] = pair('path', text, /^(\/.*?)=(\/.*)$/s);
      return { edit: 'path', from, to };
    }),
    ...all(values, 'env').map((text): Edit => {
      const [name, value] = pair('env', text);
      return { edit: 'env', name, value, pid };
    }),
    ...all(values, 'uid').map((text): Edit => ({ edit: 'uid', ...numbers('uid', text) })),
    ...all(values, 'gid').map((text): Edit => ({ edit: 'gid', ...numbers('gid', text) })),
    ...all(values, 'hostname').map((name): Edit => ({ edit: 'hostname', name })),
    ...all(values, 'drop-pages').map((text) => dropOf(text, pid)),
    ...(values['merge-parents'] === true ? [{ edit: 'merge-parents' } as const] : []),
    ...(values.deduplicate === true ? [{ edit: 'deduplicate' } as const] : []),
    ...storageOf(values),
    ...all(values, 'redact').map((text): Edit => ({ edit: 'redact', pattern: regexpOf(text) })),
    ...all(values, 'redact-text').map((pattern): Edit => ({ edit: 'redact', pattern })),
    ...all(values, 'redact-file').flatMap(linesOf).map((pattern): Edit => ({ edit: 'redact', pattern })),
  ];
  if (edits.length === 0) throw new UsageError('nothing is asked for: --help tells what can be changed');
  return edits;
}

function regexpOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--redact: ${(error as Error).message}`);
  }
}

/** One secret a line: what is typed as an argument, everybody on the machine can read. */
function linesOf(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0) throw new UsageError(`--redact-file: ${file} holds no line`);
  return lines;
}

function dropOf(text: string, pid: number | undefined): Edit {
  const [, start, end] = /^(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})$/i.exec(text) ?? [];
  if (start !== undefined) return { edit: 'drop-pages', range: { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }, pid };
  if (!/^[a-z]+$/.test(text)) throw new UsageError(`--drop-pages wants ${DROPPABLE.join(', ')} or START-END, not '${text}'`);
  return { edit: 'drop-pages', kind: text as DropPagesEdit['kind'], pid };
}

function storageOf(values: Values): Edit[] {
  const { compress } = values;
  if (compress !== undefined && compress !== 'lz4' && compress !== 'none') throw new UsageError(`--compress is lz4 or none, not '${String(compress)}'`);
  if (values.checksum === true && values['no-checksum'] === true) throw new UsageError('--checksum and --no-checksum exclude each other');
  const checksum = values.checksum === true ? true : values['no-checksum'] === true ? false : undefined;
  return compress === undefined && checksum === undefined ? [] : [{ edit: 'pages', compress, checksum }];
}
