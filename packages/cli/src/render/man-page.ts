// Manual pages in the macros of man(7).
import type { Declaration } from '@criu-ts/images/cli';
import { IMAGE_COMMANDS } from '../commands/image-commands.js';
import { commandNames, commands } from '../commands/index.js';
import { optionsOf } from '../options/catalogue.js';
import type { OptionSpec } from '../options/spec.js';
import { optionGroups } from '../options/table.js';
import { CRIU_VERSION, VERSION } from '../version.js';

const EXITS: Readonly<Record<string, string>> = { 0: 'it was done', 1: 'it failed, or the command line can not be understood' };

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/criu/default.conf', 'options for every run, one a line without its dashes, the value after a blank'],
  ['~/.criu/default.conf', 'the same, over the first'],
  ['$CRIU_CONFIG_FILE', 'the same, over both; --config FILE is over it, and the command line over all'],
];

/** Of the program (`criu-ts.1`), or of a command (`criu-ts-dump.1`); image commands are only asked for where it is one of them. */
export function manPage(program: string, command: string | undefined, images: () => readonly Declaration[]): string {
  if (command === undefined) return programPage(program);
  return IMAGE_COMMANDS.includes(command) ? imagePage(program, images().find(({ name }) => name === command)!) : commandPage(program, command);
}

function programPage(program: string): string {
  return [
    header(program),
    section('NAME'),
    `${roff(program)} \\- checkpoint and restore of Linux processes`,
    section('SYNOPSIS'),
    ...commandNames.flatMap((name) => ['.PP', `.B ${roff(program)}`, roff(commands[name]!.usage)]),
    section('DESCRIPTION'),
    roff(`Saves running process trees into files, and brings them back. Options, images and exit codes are those of CRIU ${CRIU_VERSION} (criu(8)); called by the name criu, it takes CRIU's place.`),
    section('COMMANDS'),
    ...commandNames.flatMap((name) => ['.TP', `.BR ${roff(`${program}-${name}`)} (1)`, roff(commands[name]!.text)]),
    '.TP',
    `.BR ${IMAGE_COMMANDS.map((name) => `${roff(`${program}-${name}`)} (1)`).join(', " " ')}`,
    'look into images, here or elsewhere',
    section('OPTIONS'),
    'Each command shows its own by',
    '.BR \\-\\-help ,',
    'and in its manual page.',
    ...fileLines(),
    section('EXIT STATUS'),
    ...exitLines(EXITS),
    section('SEE ALSO'),
    '.BR criu (8)',
    '',
  ].join('\n');
}

function commandPage(program: string, command: string): string {
  const { usage, text, about, exits } = commands[command]!;
  const shown = optionsOf(command);
  return [
    ...commandHead(program, command, text, usage),
    ...about.flatMap((paragraph) => ['.PP', roff(paragraph)]),
    ...(shown.length === 0 ? [] : [section('OPTIONS'), ...groupLines(shown), '.PP', "Flags that show [no\\-] are taken back by \\-\\-no\\-FLAG. Options marked with * are not CRIU's."]),
    ...(shown.length === 0 ? [] : fileLines()),
    section('EXIT STATUS'),
    ...exitLines({ ...EXITS, ...exits }),
    section('SEE ALSO'),
    `.BR ${roff(program)} (1)`,
    '',
  ].join('\n');
}

/** Of a command that looks into images; its exit codes are told where its help tells of them. */
function imagePage(program: string, { name, usage, summary, help }: Declaration): string {
  const sentences = help.filter(({ head }) => head === undefined);
  const entries = help.filter(({ head }) => head !== undefined);
  return [
    ...commandHead(program, name, summary, `${name} [-h] ${usage}`),
    roff(`Is ${name} of criu-images, too, which needs no Linux.`),
    ...sentences.flatMap(({ text }) => ['.PP', roff(text)]),
    ...(entries.length === 0 ? [] : [section('OPTIONS'), ...entries.flatMap(({ head, text }) => ['.TP', `\\fB${roff(head!)}\\fR`, roff(text)])]),
    section('SEE ALSO'),
    `.BR ${roff(program)} (1)`,
    '',
  ].join('\n');
}

/** Of the page of a command, up to its description. */
function commandHead(program: string, command: string, text: string, usage: string): string[] {
  const page = `${program}-${command}`;
  return [header(page), section('NAME'), `${roff(page)} \\- ${roff(text)}`, section('SYNOPSIS'), `.B ${roff(program)}`, roff(usage), section('DESCRIPTION')];
}

function groupLines(shown: readonly OptionSpec[]): string[] {
  return optionGroups.flatMap(({ title, rows }) => {
    const own = rows.filter((row) => shown.includes(row));
    return own.length === 0 ? [] : [`.SS ${roff(title)}`, ...own.flatMap(optionLines)];
  });
}

function optionLines({ short, long, negatable, value, optionalValue, ours, text }: OptionSpec): string[] {
  const shownValue = value === undefined ? '' : optionalValue === true ? `[=\\fI${roff(value)}\\fR]` : ` \\fI${roff(value)}\\fR`;
  const name = `\\fB\\-\\-\\fR${negatable === true ? '[no\\-]' : ''}\\fB${roff(long)}\\fR${shownValue}`;
  return ['.TP', `${short === undefined ? '' : `\\fB\\-${short}\\fR, `}${name}${ours === true ? ' *' : ''}`, roff(text)];
}

function fileLines(): string[] {
  return [section('FILES'), ...FILES.flatMap(([file, text]) => ['.TP', `.I ${roff(file)}`, roff(text)])];
}

function exitLines(exits: Readonly<Record<string, string>>): string[] {
  return Object.entries(exits).flatMap(([code, text]) => ['.TP', `.B ${code}`, roff(text)]);
}

function header(name: string): string {
  return `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "" "criu\\-ts ${VERSION}" "criu\\-ts"`;
}

function section(name: string): string {
  return `.SH ${name.includes(' ') ? `"${name}"` : name}`;
}

/** Text as roff takes it: no escape, no hyphen that is a minus, no control character at the start of a line. */
export function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '\\&...').replaceAll('~', '\\(ti').replaceAll('^', '\\(ha');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
