import type { Candidates, Declaration } from '@criu-ts/images/cli';
import { commandNames, commands } from '../commands/index.js';
import { allOptions, optionsOf, spellings, type ValueKind, valueKind } from '../options/catalogue.js';

/** How bash finds the candidates for a value. */
const CANDIDATES: Readonly<Record<Exclude<ValueKind, 'none'>, string>> = {
  directory: 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")',
  file: 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
  process: 'mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur")',
  feature: 'mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" check --feature list 2>/dev/null)" -- "$cur")',
  anything: ':',
};

const ofImages = (candidates: Candidates): string => (candidates === 'file' ? CANDIDATES.file : candidates === 'nothing' ? ':' : words(candidates));
const words = (list: readonly string[]): string => `mapfile -t COMPREPLY < <(compgen -W '${list.join(' ')}' -- "$cur")`;

/** Values of its options, its options, its operands by their number. */
function imageCase({ name, options, operands }: Declaration): string {
  const spelt = ({ short, long }: Declaration['options'][number]): string[] => [...(short === undefined ? [] : [`-${short}`]), `--${long}`];
  const valued = options.flatMap((option) => (option.value === undefined ? [] : [{ spellings: spelt(option).join('|'), candidates: option.value.candidates }]));
  const values = valued.map(({ spellings: all, candidates }) => `        ${all}) ${ofImages(candidates)}; return ;;`);
  const takesValue = valued.length === 0 ? '' : `\n          ${valued.map(({ spellings: all }) => all).join('|')}) ((i++)) ;;`;
  return `    ${name})
      case $prev in
${values.length === 0 ? '        *) ;;' : values.join('\n')}
      esac
      if [[ $cur == -* ]]; then ${words(options.flatMap(spelt))}; return; fi
      local operands=0
      for ((i++; i < COMP_CWORD; i++)); do
        case \${COMP_WORDS[i]} in${takesValue}
          -*|=) ;;
          *) ((operands++)) ;;
        esac
      done
      case $operands in
${operands.map(({ candidates }, i) => `        ${i}) ${ofImages(candidates)} ;;\n`).join('')}        *) ;;
      esac
      return ;;`;
}

/** To be sourced by bash 4.4 or newer; needs nothing of bash-completion. */
export function bashCompletion(program: string, images: readonly Declaration[]): string {
  const name = `_${program.replaceAll('-', '_')}`;
  const values = Object.entries(CANDIDATES).map(([kind, action]) => {
    const given = allOptions().filter((row) => valueKind(row) === kind && row.optionalValue !== true);
    return `    ${given.flatMap(spellings).join('|')}) ${action}; return ;;`;
  });
  const operands = commandNames.flatMap((command) => {
    const { operand } = commands[command]!;
    return operand === undefined ? [] : [`    ${command}) ${words(operand.values)} ;;`];
  });
  const names = images.map(({ name: command }) => command);
  return `# bash completion for ${program}; source it: source <(${program} completion bash)
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i
  # --option=value comes as three words.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${[...commandNames, ...names].join('|')}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command in
${images.map(imageCase).join('\n')}
  esac
  case $prev in
${values.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $command in
${commandNames.map((command) => `      ${command}) ${words(optionsOf(command).flatMap(spellings))} ;;`).join('\n')}
      *) ${words(allOptions().flatMap(spellings))} ;;
    esac
    return
  fi
  case $command in
    '') ${words([...commandNames, ...names])} ;;
${operands.join('\n')}
  esac
}
complete -F ${name} ${program}
`;
}
