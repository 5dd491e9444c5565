import type { Candidates, Declaration } from '@criu-ts/images/cli';
import { commandNames, commands } from '../commands/index.js';
import { optionsOf, type ValueKind, valueKind } from '../options/catalogue.js';
import type { OptionSpec } from '../options/spec.js';

const ACTIONS: Readonly<Record<Exclude<ValueKind, 'none'>, string>> = {
  directory: '_files -/',
  file: '_files',
  process: '_pids',
  feature: '($(_call_program features $words[1] check --feature list 2>/dev/null))',
  anything: ' ',
};

/** To be sourced by zsh after compinit, or put into a file `_criu-ts` of $fpath. */
export function zshCompletion(program: string, images: readonly Declaration[]): string {
  const name = `_${program.replaceAll('-', '_')}`;
  const described = commandNames.map((command) => quote(`${command}:${commands[command]!.text}`));
  described.push(...images.map(({ name: command, summary }) => quote(`${command}:${summary}`)));
  const cases = commandNames.map((command) => {
    const { operand } = commands[command]!;
    const specs = [...optionsOf(command).flatMap(argumentSpecs), ...(operand === undefined ? [] : [`1:${operand.name}:(${operand.values.join(' ')})`])];
    // The command itself is the first word here.
    return `        ${command}) _arguments -s -S ${specs.map(quote).join(' \\\n            ')} ;;`;
  });
  return `#compdef ${program}
# zsh completion for ${program}; source it after compinit: source <(${program} completion zsh)
${name}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C '1: :->command' '*:: :->arguments'
  case $state in
    command)
      local -a commands=(${described.join(' ')})
      _describe command commands ;;
    arguments)
      case $line[1] in
${[...cases, ...images.map(imageCase)].join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`;
}

const ofImages = (candidates: Candidates): string => (candidates === 'file' ? '_files' : candidates === 'nothing' ? ' ' : `(${candidates.join(' ')})`);

function imageCase({ name, options, operands }: Declaration): string {
  const specs = [
    ...options.flatMap(({ short, long, text, value, repeatable }) =>
      [...(short === undefined ? [] : [`-${short}`]), `--${long}`].map((spelling) => {
        const form = value === undefined ? spelling : spelling.startsWith('--') ? `${spelling}=` : `${spelling}+`;
        return `${repeatable ? '*' : ''}${form}[${escapeBrackets(text)}]${value === undefined ? '' : `:${value.name.replaceAll(':', '\\:')}:${ofImages(value.candidates)}`}`;
      }),
    ),
    ...operands.map((operand, i) => `${i + 1}:${operand.name}:${ofImages(operand.candidates)}`),
  ];
  return `        ${name}) _arguments -s -S ${specs.map(quote).join(' \\\n            ')} ;;`;
}

/** One for each spelling: they exclude one another only where the option can be given once, and then no harm is done by offering it again. */
function argumentSpecs(row: OptionSpec): string[] {
  const { short, long, alias, negatable, optionalValue, value } = row;
  const kind = valueKind(row);
  const text = escapeBrackets(row.text);
  const repeat = row.kind === 'list' ? '*' : '';
  const spec = (name: string): string => {
    if (kind === 'none') return `${repeat}${name}[${text}]`;
    const form = optionalValue === true ? `${name}=-` : name.startsWith('--') ? `${name}=` : `${name}+`;
    return `${repeat}${form}[${text}]${optionalValue === true ? '::' : ':'}${(value ?? '').replaceAll(':', '\\:')}:${ACTIONS[kind]}`;
  };
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${long}`, ...(alias === undefined ? [] : [`--${alias}`])];
  return [...names.map((name) => (optionalValue === true && !name.startsWith('--') ? `${repeat}${name}-[${text}]::${value ?? ''}: ` : spec(name))), ...(negatable === true ? [`--no-${long}[${text}: no]`] : [])];
}

const escapeBrackets = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('[', '\\[').replaceAll(']', '\\]').replaceAll(':', '\\:');
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
