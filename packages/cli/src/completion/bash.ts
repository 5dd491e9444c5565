import { IMAGE_COMMANDS } from '../commands/image-commands.js';
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

/** To be sourced by bash 4.4 or newer; needs nothing of bash-completion. */
export function bashCompletion(program: string): string {
  const name = `_${program.replaceAll('-', '_')}`;
  const words = (list: readonly string[]): string => `mapfile -t COMPREPLY < <(compgen -W '${list.join(' ')}' -- "$cur")`;
  const values = Object.entries(CANDIDATES).map(([kind, action]) => {
    const given = allOptions().filter((row) => valueKind(row) === kind && row.optionalValue !== true);
    return `    ${given.flatMap(spellings).join('|')}) ${action}; return ;;`;
  });
  const operands = commandNames.flatMap((command) => {
    const { operand } = commands[command]!;
    return operand === undefined ? [] : [`    ${command}) ${words(operand.values)} ;;`];
  });
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
      ${[...commandNames, ...IMAGE_COMMANDS].join('|')}) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $prev in
${values.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $command in
      ${IMAGE_COMMANDS.join('|')}) ;;
${commandNames.map((command) => `      ${command}) ${words(optionsOf(command).flatMap(spellings))} ;;`).join('\n')}
      *) ${words(allOptions().flatMap(spellings))} ;;
    esac
    return
  fi
  case $command in
    '') ${words([...commandNames, ...IMAGE_COMMANDS])} ;;
    ${IMAGE_COMMANDS.join('|')}) ${CANDIDATES.file} ;;
${operands.join('\n')}
  esac
}
complete -F ${name} ${program}
`;
}
