// Small tools for the parsers of line-oriented files.
import { ProcFormatError } from './errors.js';

/** The lines of a text; a last newline makes no empty line. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

/** A decimal integer that a JS number holds exactly. */
export function decimal(file: string, text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || !/^\s*-?[0-9]+\s*$/.test(text) || !Number.isSafeInteger(value)) throw new ProcFormatError(file, text ?? '', 'no decimal number');
  return value;
}

/** A hexadecimal integer without "0x" that a JS number holds exactly. */
export function hex(file: string, text: string | undefined): number {
  const value = Number(`0x${text}`);
  if (text === undefined || !/^[0-9a-fA-F]+$/.test(text) || !Number.isSafeInteger(value)) throw new ProcFormatError(file, text ?? '', 'no hexadecimal number');
  return value;
}

export function octal(file: string, text: string | undefined): number {
  const value = Number(`0o${text}`);
  if (text === undefined || !/^[0-7]+$/.test(text) || !Number.isSafeInteger(value)) throw new ProcFormatError(file, text ?? '', 'no octal number');
  return value;
}

/** A 64-bit decimal integer. */
export function decimal64(file: string, text: string | undefined): bigint {
  if (text === undefined || !/^\s*-?[0-9]+\s*$/.test(text)) throw new ProcFormatError(file, text ?? '', 'no decimal number');
  return BigInt(text.trim());
}

/** A 64-bit hexadecimal integer, with or without "0x". */
export function hex64(file: string, text: string | undefined): bigint {
  const match = /^\s*(?:0x)?([0-9a-fA-F]+)\s*$/.exec(text ?? '');
  if (match === null) throw new ProcFormatError(file, text ?? '', 'no hexadecimal number');
  return BigInt(`0x${match[1]}`);
}

/** The groups of `pattern` in `line`, which it must match. */
export function fieldsOf(file: string, line: string, pattern: RegExp): string[] {
  const match = pattern.exec(line);
  if (match === null) throw new ProcFormatError(file, line, 'unknown format');
  return match.slice(1);
}
