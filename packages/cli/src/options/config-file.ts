import { readFileSync } from 'node:fs';
import { UsageError } from '../usage-error.js';

/**
 * The arguments a configuration file stands for (criu(8), CONFIGURATION FILES): an option a line without its dashes,
 * its value after blanks, in double quotes where it has blanks (`\"` is a quote); `#` begins a comment.
 * @throws UsageError with the number of the line
 */
export function parseConfig(text: string, file: string): string[] {
  const args: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const bad = (why: string): never => {
      throw new UsageError(`${file}:${i + 1}: ${why}: ${line.trim()}`);
    };
    const [, name, rest = ''] = /^\s*([^\s#]+)\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) continue;
    if (rest === '' || rest.startsWith('#')) {
      args.push(`--${name}`);
      continue;
    }
    // Glued, so that options whose value is optional (`verbosity 4`) take it too.
    if (rest.startsWith('"')) {
      const quoted = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(rest) ?? bad('a quote is missing, or something follows it');
      args.push(`--${name}=${quoted[1]!.replaceAll('\\"', '"')}`);
    } else {
      const bare = /^([^\s#]+)\s*(?:#.*)?$/.exec(rest) ?? bad('a value with blanks must be quoted');
      args.push(`--${name}=${bare[1]!}`);
    }
  }
  return args;
}

export interface ConfigSource {
  /** From --config. */
  readonly config: string | undefined;
  readonly noDefaults: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** Arguments from all configuration files in CRIU's order; later ones win, the command line wins over all. */
export function readConfigs({ config, noDefaults, env }: ConfigSource): string[] {
  const defaults = ['/etc/criu/default.conf', ...(env.HOME === undefined ? [] : [`${env.HOME}/.criu/default.conf`])];
  const files = [
    ...(noDefaults || config !== undefined ? [] : defaults),
    ...(env.CRIU_CONFIG_FILE === undefined ? [] : [env.CRIU_CONFIG_FILE]),
    ...(config === undefined ? [] : [config]),
  ];
  // A file that is missing is no error, as in CRIU: runc names one that it never writes.
  return files.flatMap((file) => parseConfig(readIfThere(file), file));
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
}
