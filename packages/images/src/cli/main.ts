import { parseArgs } from 'node:util';
import type { Arguments, Command } from './command.js';
import { UsageError } from './terminal.js';
import type { Terminal } from './terminal.js';

/** Runs the command line; returns the exit code: 0, 1 where an image or file is not as it should be, 2 for a wrong command line. */
export async function main(args: readonly string[], terminal: Terminal, commands: Readonly<Record<string, Command>>): Promise<number> {
  const [name, ...rest] = args;
  const usage = `usage: ${terminal.name} [-h] [--version] {${Object.keys(commands).join(',')}} ...`;
  if (name === '--version') {
    terminal.stdout(`${terminal.version}\n`);
    return 0;
  }
  if (name === '-h' || name === '--help') {
    terminal.stdout(`${usage}\n\nLooks into the images of a checkpoint.\n\n${Object.entries(commands).map(([command, { summary }]) => `  ${command.padEnd(9)}${summary}\n`).join('')}\n${terminal.name} COMMAND --help says more.\n`);
    return 0;
  }
  if (name === undefined) {
    terminal.stderr(`${usage}\n${terminal.name}: error: too few arguments\n`);
    return 1;
  }
  const command = Object.hasOwn(commands, name) ? commands[name]! : undefined;
  if (command === undefined) {
    terminal.stderr(`${usage}\n${terminal.name}: error: '${name}' is none of ${Object.keys(commands).join(', ')}\n`);
    return 2;
  }
  return runCommand(name, command, rest, terminal);
}

async function runCommand(name: string, command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  const usage = `usage: ${terminal.name} ${name} [-h] ${command.usage}`;
  try {
    const parsed = parse(command, args);
    if (parsed.values.help === true) {
      terminal.stdout(`${usage}\n\n${command.summary}\n${command.help.map((line) => `\n  ${line}`).join('')}${command.help.length ? '\n' : ''}`);
      return 0;
    }
    const missing = command.positionals.slice(parsed.positionals.length).filter((name) => command.optional?.includes(name) !== true);
    if (missing.length > 0) throw new UsageError(`the following arguments are required: ${missing.join(', ')}`);
    return (await command.run(parsed, terminal)) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.stderr(`${usage}\n${terminal.name} ${name}: error: ${error.message}\n`);
      return 2;
    }
    terminal.stderr(`${terminal.name} ${name}: ${explain(error)}\n`);
    return 1;
  }
}

function parse(command: Command, args: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { ...command.options, help: { type: 'boolean', short: 'h' } }, allowPositionals: true, strict: true });
    if (positionals.length > command.positionals.length) throw new UsageError(`unrecognized arguments: ${positionals.slice(command.positionals.length).join(' ')}`);
    return { values: values, positionals };
  } catch (error) {
    // parseArgs throws TypeErrors with a code of their own for what it does not know.
    if (error instanceof TypeError && 'code' in error) throw new UsageError(error.message);
    throw error;
  }
}

/** ImageCorrupt, JsonInvalid, MemoryUnavailable, NoCore: by their codes, so that none of them is loaded for its name. */
const BLAMED: ReadonlySet<unknown> = new Set(['image-corrupt', 'json-invalid', 'memory-unavailable', 'no-core']);

/** One line for whatever images, JSON and file system are to blame for; the rest is our bug and is thrown on. */
function explain(error: unknown): string {
  if (error instanceof Error && ('syscall' in error || ('code' in error && BLAMED.has(error.code)))) return error.message;
  throw error;
}
