import { commands } from '../commands/index.js';
import { IMAGE_COMMANDS } from '../commands/image-commands.js';
import type { OptionSpec } from './spec.js';
import { optionGroups } from './table.js';

const WIDTH = 100;
const TEXT_COLUMN = 32;

/** Of everything, or of one command. */
export function helpText(program: string, command?: string): string {
  const shown = command === undefined ? Object.entries(commands) : [[command, commands[command]!] as const];
  const lines = ['Usage:', ...shown.map(([, { usage }]) => `  ${program} ${usage}`), ''];
  if (command === undefined) lines.push('Commands:', ...shown.map(([name, { text }]) => columns(`  ${name}`, text)), columns(`  ${IMAGE_COMMANDS.slice(0, 4).join('|')}|…`, `look into images, here or elsewhere: ${IMAGE_COMMANDS.join(', ')}; ${program} COMMAND --help says more`), '');
  else lines.push(commands[command]!.text, '');
  for (const { title, rows } of optionGroups) {
    lines.push(`${title}:`);
    for (const row of rows) if (command === undefined || (row.of as readonly string[]).includes(command)) lines.push(optionHelp(row));
    lines.push('');
  }
  lines.push('Flags marked [no-] are taken back by --no-FLAG. Options marked * are not CRIU\'s.', '');
  return lines.join('\n');
}

function optionHelp(row: OptionSpec): string {
  const value = row.value === undefined ? '' : row.optionalValue === true ? `[=${row.value}]` : ` ${row.value}`;
  const name = `--${row.negatable === true ? '[no-]' : ''}${row.long}${value}`;
  const head = `  ${row.short === undefined ? '   ' : `-${row.short},`} ${name}${row.ours === true ? ' *' : ''}`;
  return columns(head, row.text);
}

/** `head`, and `text` beside it, wrapped. */
function columns(head: string, text: string): string {
  const indent = ' '.repeat(TEXT_COLUMN);
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && TEXT_COLUMN + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  const first = head.length >= TEXT_COLUMN - 1 ? `${head}\n${indent}` : head.padEnd(TEXT_COLUMN);
  return first + lines.join(`\n${indent}`);
}
