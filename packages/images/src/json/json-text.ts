import { JsonInvalid } from './json-invalid.js';

/** JSON as `crit` writes it: integers have 64 bits, so those beyond 2^53 are bigint here. An object may hold any key as its own. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** As deep as anything real goes, many times over. */
const MAX_DEPTH = 400;

/**
 * May V8's own parser, which is several times as fast, read this? Not where a number may have more digits than a double
 * holds exactly, nor where more than `MAX_DEPTH` brackets are open. What is in strings counts, too: it only costs time.
 */
function isOrdinary(text: string): boolean {
  let depth = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x30 && unit <= 0x39) {
      if (++digits === 16) return false;
      continue;
    }
    digits = 0;
    // '[' and '{', ']' and '}'
    if (unit === 0x5b || unit === 0x7b) {
      if (++depth > MAX_DEPTH) return false;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return true;
}

/** @throws JsonInvalid with line and column */
export function parseJson(text: string): JsonValue {
  if (isOrdinary(text)) {
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      // Ours says where.
    }
  }
  return new Parser(text).document();
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#invalid('there is more after the end');
    return value;
  }

  #invalid(why: string): JsonInvalid {
    const before = this.#text.slice(0, this.#at).split('\n');
    return new JsonInvalid(`line ${before.length}, column ${before.at(-1)!.length + 1}`, why);
  }

  #space(): void {
    const gap = /[ \t\n\r]*/y;
    gap.lastIndex = this.#at;
    gap.test(this.#text);
    this.#at = gap.lastIndex;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #value(): JsonValue {
    if (++this.#depth > MAX_DEPTH) throw this.#invalid(`nested more than ${MAX_DEPTH} deep`);
    const value = this.#undelimited();
    this.#depth--;
    return value;
  }

  #undelimited(): JsonValue {
    if (this.#take('{')) return this.#object();
    if (this.#take('[')) return this.#array();
    if (this.#take('"')) return this.#string();
    const token = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    token.lastIndex = this.#at;
    const found = token.exec(this.#text)?.[0];
    if (found === undefined) throw this.#invalid(this.#at < this.#text.length ? `'${this.#text[this.#at]}' begins no value` : 'the text ends too early');
    this.#at = token.lastIndex;
    if (found === 'true') return true;
    if (found === 'false') return false;
    if (found === 'null') return null;
    const number = Number(found);
    return Number.isSafeInteger(number) || /[.eE]/.test(found) ? number : BigInt(found);
  }

  #object(): JsonObject {
    const object = Object.create(null) as JsonObject;
    if (this.#take('}')) return object;
    do {
      if (!this.#take('"')) throw this.#invalid('expected a name in double quotes');
      const key = this.#string();
      if (!this.#take(':')) throw this.#invalid("expected ':'");
      object[key] = this.#value();
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#invalid("expected ',' or '}'");
    return object;
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    if (this.#take(']')) return array;
    do array.push(this.#value());
    while (this.#take(','));
    if (!this.#take(']')) throw this.#invalid("expected ',' or ']'");
    return array;
  }

  /** What follows the opening quote. */
  #string(): string {
    let text = '';
    for (;;) {
      // Control characters must be escaped (RFC 8259, 7).
      const plain = /[^"\\\u0000-\u001f]*/y;
      plain.lastIndex = this.#at;
      text += plain.exec(this.#text)![0];
      this.#at = plain.lastIndex;
      const next = this.#text[this.#at++];
      if (next === '"') return text;
      if (next !== '\\') {
        this.#at--;
        throw this.#invalid(next === undefined ? 'a string without its end' : 'a control character in a string');
      }
      const escape = this.#text[this.#at++] ?? '';
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (escape === 'u' && /^[0-9a-fA-F]{4}$/.test(digits)) {
        text += String.fromCharCode(Number.parseInt(digits, 16));
        this.#at += 4;
      } else if (escape in ESCAPES) text += ESCAPES[escape]!;
      else throw this.#invalid(`'\\${escape}' is no escape`);
    }
  }
}

/** As Python's json.dump: ASCII only, and a space behind separators; with `indent`, a line for each value. */
export function writeJson(value: JsonValue, indent?: number): string {
  return jsonText(value, indent === undefined ? undefined : ' '.repeat(indent), '\n');
}

/** Items whose text is there already, as ASCII in one line, with ", " before each. To be used before anything else happens. */
export class ReadyItems {
  readonly text: Uint8Array;

  constructor(text: Uint8Array) {
    this.text = text;
  }
}

/**
 * The same for { …head, [key]: [items] }, in pieces of some 64 KiB, so that neither all items nor all of the text are held.
 * `key` comes last, as it does in images. A piece of bytes is ASCII, and to be used before anything else happens.
 */
export function* jsonPieces(head: JsonObject, key: string, items: Iterable<JsonValue | ReadyItems>, indent?: number): Generator<string | Uint8Array, void, undefined> {
  const unit = indent === undefined ? undefined : ' '.repeat(indent);
  const [first, second] = unit === undefined ? ['', ''] : [`\n${unit}`, `\n${unit}${unit}`];
  const comma = unit === undefined ? ', ' : ',';
  let text = '{';
  for (const [name, value] of Object.entries(head)) text += `${first}${quotedKey(name)}${jsonText(value, unit, first)}${comma}`;
  text += `${first}${quotedKey(key)}[`;
  let any = false;
  for (const item of items) {
    if (item instanceof ReadyItems) {
      const ready = any ? item.text : item.text.subarray(comma.length);
      any = true;
      if (ready.length < PIECE) text += ascii.decode(ready);
      else {
        if (text !== '') yield text;
        text = '';
        yield ready;
      }
      continue;
    }
    text += (any ? comma : '') + second + jsonText(item, unit, second);
    any = true;
    if (text.length < PIECE) continue;
    yield text;
    text = '';
  }
  yield `${text}${any ? first : ''}]${unit === undefined ? '' : '\n'}}`;
}

const PIECE = 64 * 1024;
const ascii = new TextDecoder();

/** Keys are few, and come again with every entry. */
const quotedKeys = new Map<string, string>();

function quotedKey(key: string): string {
  let text = quotedKeys.get(key);
  if (text === undefined) {
    text = `${quoted(key)}: `;
    if (quotedKeys.size < 10_000) quotedKeys.set(key, text);
  }
  return text;
}

function jsonText(value: JsonValue, indent: string | undefined, lineBreak: string): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return `${value}`;
  const inner = indent === undefined ? '' : lineBreak + indent;
  const separator = indent === undefined ? ', ' : `,${inner}`;
  const end = indent === undefined ? '' : lineBreak;
  // Strings that grow are cheap in V8; lists of pieces are not.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += (text === '' ? inner : separator) + jsonText(item, indent, inner);
    return text === '' ? '[]' : `[${text}${end}]`;
  }
  for (const key of Object.keys(value)) text += (text === '' ? inner : separator) + quotedKey(key) + jsonText(value[key]!, indent, inner);
  return text === '' ? '{}' : `{${text}${end}}`;
}

/** JSON.stringify leaves what is not ASCII; lone surrogates (bytes that are not UTF-8) it escapes already. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escapedText(text);
}

/** Printable ASCII but '"' and '\\': what most text is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function escapedText(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
