import type { Candidates, Command } from './command.js';

/** A line of --help that has two columns, or one that is a sentence. */
export interface HelpEntry {
  /** as it is typed, `-o FILE, --out FILE`; absent of a sentence */
  readonly head?: string;
  readonly text: string;
}

export interface OptionDeclaration {
  readonly long: string;
  readonly short?: string | undefined;
  readonly text: string;
  /** absent of a flag */
  readonly value?: { readonly name: string; readonly candidates: Candidates };
  readonly repeatable: boolean;
}

/** A command as completions and manual pages show it; made of what the command line is parsed by, and of its --help. */
export interface Declaration {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly help: readonly HelpEntry[];
  readonly options: readonly OptionDeclaration[];
  readonly operands: readonly { readonly name: string; readonly candidates: Candidates }[];
}

const HELP: OptionDeclaration = { long: 'help', short: 'h', text: 'what the command does, and its options', repeatable: false };

export const declarationsOf = (commands: Readonly<Record<string, Command>>): Declaration[] => Object.entries(commands).map(([name, command]) => declarationOf(name, command));

function declarationOf(name: string, { summary, usage, help: lines, options, positionals, candidates = {} }: Command): Declaration {
  const help = entriesOf(lines);
  return {
    name,
    summary,
    usage,
    help,
    options: [
      ...Object.entries(options).map(([long, { type, short, multiple = false }]): OptionDeclaration => {
        const line = help.find(({ head }) => head !== undefined && wordsOf(head).includes(`--${long}`));
        if (line === undefined) throw new TypeError(`${name} --${long} is not in its help`);
        const value = new RegExp(`--${long} ([^\\s,]+)`).exec(line.head!)?.[1] ?? 'VALUE';
        return { long, short, text: line.text, ...(type === 'string' && { value: { name: value, candidates: candidates[long] ?? (value === 'FILE' || value === 'IN' || value === 'OUT' ? 'file' : 'nothing') } }), repeatable: multiple };
      }),
      HELP,
    ],
    operands: positionals.map((operand) => ({ name: operand, candidates: candidates[operand] ?? 'file' })),
  };
}

const wordsOf = (head: string): string[] => head.split(/[\s,]+/);

/** Lines of two columns, which two blanks or more part; one that begins with blanks goes on with the one before it. */
function entriesOf(lines: readonly string[]): HelpEntry[] {
  const entries: HelpEntry[] = [];
  for (const line of lines) {
    const last = entries.at(-1);
    const [, head, text] = /^(\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
    if (/^ /.test(line) && last !== undefined) entries[entries.length - 1] = { ...last, text: `${last.text} ${line.trim()}` };
    else if (head !== undefined && text !== undefined) entries.push({ head, text });
    else if (line !== '') entries.push({ text: line });
  }
  return entries;
}
