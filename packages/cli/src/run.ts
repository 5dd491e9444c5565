import { commandNames, commands, criuCommands, isCommand } from './commands/index.js';
import type { Io } from './io.js';
import { readConfigs } from './options/config-file.js';
import { helpText } from './options/help.js';
import { closest, parseOptions, type Parsed } from './options/parse.js';
import { isUsageError, UsageError } from './usage-error.js';
import { versionText } from './version.js';

/**
 * One run of the command line: parse, find the command, run it.
 * @param args without node and the script
 * @returns the exit code: 0, or 1 as CRIU says for all failures; of a foreground restore that of the root task
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    // Before all else, so that a broken configuration file can't hide the help (CRIU does the same).
    if (args.includes('--help') || args.includes('-h')) {
      io.stdout(helpText(io.name, args.find(isCommand)));
      return 0;
    }
    const { values, words } = parseAll(args, io);
    if (values.version === true) {
      io.stdout(versionText(io.name));
      return 0;
    }
    const [name, ...rest] = words;
    if (name === undefined) throw new UsageError(`a command is required: ${commandNames.join(', ')}`);
    if (!isCommand(name)) throw new UsageError(unknownCommand(name));
    if (values['exec-cmd'] === true) judgeExec(name, rest);
    else judgeOperands(name, rest);
    return await io.loadCommand(name)(values, io, rest);
  } catch (error) {
    if (!isUsageError(error)) throw error;
    io.stderr(`${io.name}: ${error.message}\n  do:  ${io.name} --help\n`);
    if (args.includes('--json')) io.stdout(`${JSON.stringify({ ok: false, error: { code: 'usage', message: error.message } })}\n`);
    return 1;
  }
}

/** Configuration files first, the command line over them. */
function parseAll(args: readonly string[], io: Io): Parsed {
  const parsed = parseOptions(args);
  const configured = readConfigs({
    config: parsed.values.config,
    noDefaults: parsed.values['no-default-config'] === true,
    env: io.env,
  });
  return configured.length === 0 ? parsed : parseOptions(args, parseOptions(configured).values);
}

function judgeOperands(name: string, given: readonly string[]): void {
  const operand = commands[name]?.operand;
  const allowed = operand === undefined ? 0 : 1;
  if (given.length > allowed) throw new UsageError(`excessive parameter for command ${name}: ${given.slice(allowed).join(' ')}`);
  if (operand === undefined) return;
  const [value] = given;
  const choice = operand.values.join(', ');
  if (value === undefined && operand.optional !== true) throw new UsageError(`${name} needs ${operand.name}: ${choice}`);
  if (value !== undefined && !operand.values.includes(value)) throw new UsageError(`${name} knows ${choice}; not ${value}`);
}

function judgeExec(name: string, given: readonly string[]): void {
  if (name !== 'restore') throw new UsageError('--exec-cmd is for restore only');
  if (given.length === 0) throw new UsageError('--exec-cmd needs a command, after --');
}

function unknownCommand(name: string): string {
  const why = criuCommands[name];
  if (why !== undefined) return `the command ${name} of CRIU is not supported yet: ${why}`;
  return `unknown command: ${name}${closest(name, commandNames, '')}`;
}
