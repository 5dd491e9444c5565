import type { Candidates, Declaration } from '@criu-ts/images/cli';
import { commandNames, commands } from '../commands/index.js';
import { optionsOf, type ValueKind, valueKind } from '../options/catalogue.js';
import type { OptionSpec } from '../options/spec.js';

const CANDIDATES: Readonly<Record<ValueKind, string>> = {
  none: '',
  directory: " -r -f -a '(__fish_complete_directories (commandline -ct))'",
  file: ' -r -F',
  process: " -x -a '(__fish_complete_pids)'",
  feature: " -x -a '(criu-ts check --feature list 2>/dev/null)'",
  anything: ' -x',
};

/** To be sourced by fish, or put into ~/.config/fish/completions. */
export function fishCompletion(program: string, images: readonly Declaration[]): string {
  const lines = [`# fish completion for ${program}: ${program} completion fish | source`, `complete -c ${program} -f`];
  for (const command of commandNames) {
    const { text, operand } = commands[command]!;
    lines.push(`complete -c ${program} -n __fish_use_subcommand -a ${command} -d ${quote(text)}`);
    const seen = `complete -c ${program} -n '__fish_seen_subcommand_from ${command}'`;
    if (operand !== undefined) lines.push(`${seen} -a '${operand.values.join(' ')}'`);
    for (const row of optionsOf(command)) lines.push(...optionLines(row, seen));
  }
  for (const declared of images) lines.push(...imageLines(program, declared));
  return `${lines.join('\n')}\n`;
}

const ofImages = (candidates: Candidates): string => (candidates === 'file' ? ' -r -F' : candidates === 'nothing' ? ' -x' : ` -x -a '${candidates.join(' ')}'`);

function imageLines(program: string, { name, summary, options, operands }: Declaration): string[] {
  const seen = `complete -c ${program} -n '__fish_seen_subcommand_from ${name}`;
  return [
    `complete -c ${program} -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`,
    ...options.map(({ short, long, text, value }) => `${seen}'${short === undefined ? '' : ` -s ${short}`} -l ${long}${value === undefined ? '' : ofImages(value.candidates)} -d ${quote(text)}`),
    // Words are offered at their own place only.
    ...operands.map(({ candidates }, i) => (candidates === 'file' ? `${seen}; and test (count (commandline -opc)) -ge ${2 + i}' -F` : `${seen}; and test (count (commandline -opc)) -eq ${2 + i}' -f -a '${candidates === 'nothing' ? '' : candidates.join(' ')}'`)),
  ];
}

function optionLines(row: OptionSpec, seen: string): string[] {
  const { short, long, alias, negatable, optionalValue, text } = row;
  const value = optionalValue === true ? '' : CANDIDATES[valueKind(row)];
  const names = `${short === undefined ? '' : ` -s ${short}`} -l ${long}${alias === undefined ? '' : ` -l ${alias}`}`;
  return [`${seen}${names}${value} -d ${quote(text)}`, ...(negatable === true ? [`${seen} -l no-${long} -d ${quote(`not: ${text}`)}`] : [])];
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
