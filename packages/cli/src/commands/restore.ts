import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { RestoreResult, TaskEnd } from '@criu-ts/core';
import type { Exec, Execute, Io, Restore } from '../io.js';
import { inheritFdsOf } from '../options/inherit-fd.js';
import { joinNamespacesOf } from '../options/join-ns.js';
import type { Values } from '../options/table.js';
import { LEVEL } from '../render/log.js';
import { countText, timeText } from '../render/units.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';
import { work } from './work.js';

export function restoreCommand(restore: Restore, exec: Exec): Execute {
  return (values, io, command) =>
    work('restore', values, io, async (session, uninterruptible) => {
      const detached = values['restore-detached'] === true;
      const sibling = values['restore-sibling'] === true;
      if (sibling && !detached) throw new UsageError('--restore-sibling only makes sense with --restore-detached');
      const inheritFds = inheritFdsOf(values);
      const joinNamespaces = joinNamespacesOf(values, io.cwd);
      const execute = values['exec-cmd'] === true;
      if (execute && detached) throw new UsageError('--restore-detached and --exec-cmd exclude each other');
      using pidfile = openPidfile(values.pidfile, session.workDir);

      const start = performance.now();
      const result = await restore({
        ...session.common,
        leaveStopped: values['leave-stopped'] === true,
        sibling,
        ...inheritFds,
        ...joinNamespaces,
        onMoment: async (moment, facts) => {
          await session.scripts?.run(moment, facts);
          // Scripts that come later may want to read it.
          if (moment === 'post-restore' && facts.pid !== undefined) pidfile?.fill(facts.pid);
        },
      });
      uninterruptible();
      const ms = performance.now() - start;
      pidfile?.keep();
      announce(session, values, io, result, ms);
      if (detached && session.common.shellJob === true) io.leaveTerminal();
      if (detached) return 0;
      if (execute) exec(command, io.env);
      const end = await result.wait();
      // CRIU's foreground restore ends with 0 however the task ends; a drop-in does the same.
      return io.name === 'criu' ? 0 : exitCode(end);
    });
}

function announce(session: Session, values: Values, io: Io, { pid, tasks, stats }: RestoreResult, ms: number): void {
  session.finish(stats);
  // CRIU's last line, which scripts look for.
  session.log.line(LEVEL.info, 'Restore finished successfully. Tasks resumed.');
  if (values.json === true) {
    io.stdout(`${JSON.stringify({ command: 'restore', ok: true, pid, tasks, imagesDir: session.imagesDir, ms, stats })}\n`);
  }
  session.say(`restored ${countText(tasks, 'process', 'processes')} (root ${pid}) from ${session.imagesDir} in ${timeText(ms)}\n`);
}

/** As a shell says it. */
function exitCode(end: TaskEnd): number {
  return 'exitCode' in end ? end.exitCode : 128 + end.signal;
}

/**
 * The file is made before anything is restored, for no restored process to run on without it. One that is there already
 * is an error, as in CRIU. Disposal takes it away unless it is kept.
 */
function openPidfile(file: string | undefined, workDir: string): (Disposable & { fill(pid: number): void; keep(): void }) | undefined {
  if (file === undefined) return undefined;
  const full = path.resolve(workDir, file);
  let fd: number;
  try {
    fd = openSync(full, 'wx', 0o600);
  } catch (error) {
    throw new UsageError(`cannot create the pidfile: ${(error as Error).message}`);
  }
  let kept = false;
  return {
    fill: (pid) => void writeSync(fd, String(pid)),
    keep: () => {
      kept = true;
    },
    [Symbol.dispose]: () => {
      closeSync(fd);
      if (!kept) unlinkSync(full);
    },
  };
}
