import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Cancellation, CommonOptions, CriuEvent, DumpStats, FaultPoint, RestoreStats } from '@criu-ts/core';
import { ActionScripts } from './action-scripts.js';
import type { Io } from './io.js';
import { cgroupOptions } from './options/cgroups.js';
import { judgeOptions } from './options/judge.js';
import { DEFAULT_VERBOSITY } from './options/parse.js';
import type { CommandName } from './options/spec.js';
import type { Values } from './options/table.js';
import { LEVEL, Log } from './render/log.js';
import { ProgressBar } from './render/progress.js';
import { statsText } from './render/stats.js';
import { UsageError } from './usage-error.js';
import { CRIU_VERSION, VERSION } from './version.js';

/** What a run of a command has besides its own options: directories, log, terminal. Disposable: closes the log. */
export interface Session extends Disposable {
  readonly log: Log;
  /** Where some were given. */
  readonly scripts: ActionScripts | undefined;
  readonly imagesDir: string;
  readonly workDir: string;
  /** Options of the API that come from the command line alike for every command. */
  readonly common: CommonOptions;
  /** To people on a terminal; nobody else is told (CRIU says nothing on success). */
  say(text: string): void;
  /** --display-stats, and clears the progress bar. */
  finish(stats?: DumpStats | RestoreStats): void;
}

/** @throws UsageError where an option can't be followed */
export function openSession(command: CommandName, values: Values, io: Io, signal: Cancellation): Session {
  const ignored = judgeOptions(values);
  const imagesDir = directory(io.cwd, values['images-dir'] ?? '.', 'images');
  const workDir = values['work-dir'] === undefined ? imagesDir : directory(io.cwd, values['work-dir'], 'work');
  if (values.close !== undefined) closeSync(values.close);

  const verbosity = values.verbosity ?? DEFAULT_VERBOSITY;
  const json = values['log-json'] === true;
  const file = openLog(workDir, values['log-file']);
  const onStderr = file === undefined;
  const bar = new ProgressBar((text) => io.stderr(text), io.columns);
  const toPeople = io.columns > 0 && io.name !== 'criu';
  const withBar = toPeople && !(onStderr && verbosity >= LEVEL.info);
  const log = new Log({
    verbosity,
    json,
    write: (line) => {
      if (file === undefined) {
        bar.clear();
        io.stderr(line);
        return;
      }
      try {
        writeSync(file, line);
      } catch {
        // A full disk, a closed pipe: what we do matters more than what we tell, and must end well.
      }
    },
  });
  log.line(LEVEL.info, `Version: ${CRIU_VERSION} (criu-ts ${VERSION}), command: ${command}`);
  for (const note of ignored) log.line(LEVEL.info, note);

  const scripts = values['action-script'] === undefined ? undefined : new ActionScripts(values['action-script'], log, file ?? 2);

  return {
    log,
    scripts,
    imagesDir,
    workDir,
    common: {
      imagesDir,
      workDir,
      signal,
      onEvent: (event: CriuEvent) => {
        log.event(event);
        if (withBar) bar.event(event);
      },
      traceSyscalls: verbosity >= LEVEL.syscall,
      shellJob: values['shell-job'] === true,
      tcpEstablished: values['tcp-established'] === true,
      extUnixSk: values['ext-unix-sk'] !== undefined,
      fileLocks: values['file-locks'] === true,
      ...cgroupOptions(values, io.cwd, workDir),
      ...(values.external !== undefined && { external: values.external }),
      ...(values.root !== undefined && { root: values.root }),
      ...(scripts !== undefined && { onMoment: scripts.run }),
      ...faultPoint(io.env.CRIU_TS_FAULT),
    },
    say: (text) => {
      if (toPeople && values.json !== true) io.stderr(text);
    },
    finish: (stats) => {
      bar.clear();
      if (stats !== undefined && values['display-stats'] === true) io.stdout(statsText(stats));
    },
    [Symbol.dispose]: () => {
      bar.clear();
      if (file !== undefined && file > 2) closeSync(file);
    },
  };
}

function directory(cwd: string, given: string, what: string): string {
  const dir = path.resolve(cwd, given);
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`the ${what} directory does not exist: ${dir}`);
  if (!found.isDirectory()) throw new UsageError(`the ${what} directory is none: ${dir}`);
  return dir;
}

/** The descriptor to log to; absent: stderr. As CRIU's, the file is cut, and readable by its owner only. */
function openLog(workDir: string, file: string | undefined): number | undefined {
  if (file === undefined) return undefined;
  if (file === '-') return 1;
  try {
    return openSync(path.resolve(workDir, file), 'w', 0o600);
  } catch (error) {
    throw new UsageError(`cannot create the log file: ${(error as Error).message}`);
  }
}

/** `kill:STAGE` or `throw:STAGE`: for tests of what a crash leaves behind. */
function faultPoint(text: string | undefined): { faultPoint?: FaultPoint } {
  if (text === undefined || text === '') return {};
  const [, action, stage] = /^(kill|throw):(.+)$/.exec(text) ?? [];
  if (stage === undefined) throw new UsageError(`CRIU_TS_FAULT is kill:STAGE or throw:STAGE, not ${text}`);
  return { faultPoint: { action: action as FaultPoint['action'], stage } };
}
