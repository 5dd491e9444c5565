import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { repository } from './repository.js';

/** A program with CRIU's command line. */
export interface Tool {
  readonly name: string;
  readonly command: readonly string[];
  /** The peer has flaws that ours must not have: its are looked over. */
  readonly isPeer: boolean;
}

const built = path.join(repository, 'packages/cli/dist/criu-ts');

function toolAt(file: string): Tool {
  const isPeer = path.basename(file) === 'criu' && !realpathSync(file).endsWith('js');
  return { name: isPeer ? 'criu' : 'criu-ts', command: /\.[cm]?js$/.test(file) ? [process.execPath, file] : [file], isPeer };
}

/** The tool under test: `CRIU_TS=`, by default the built CLI. */
export function toolUnderTest(): Tool {
  const file = path.resolve(process.env['CRIU_TS'] ?? built);
  if (!existsSync(file)) throw new Error(`${file} is missing: build the CLI first, or name the tool under test by CRIU_TS=`);
  return toolAt(file);
}

/** CRIU itself, where `CRIU=` names one. */
export function peer(): Tool | undefined {
  const file = process.env['CRIU'];
  return file === undefined || file === '' ? undefined : { ...toolAt(path.resolve(file)), name: 'criu', isPeer: true };
}
