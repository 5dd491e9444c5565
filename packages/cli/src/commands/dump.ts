import path from 'node:path';
import type { Dump, Execute } from '../io.js';
import { LEVEL } from '../render/log.js';
import { bytesText, countText, timeText } from '../render/units.js';
import { UsageError } from '../usage-error.js';
import { work } from './work.js';

const PAGE = 4096;

export function dumpCommand(dump: Dump): Execute {
  return (values, io) =>
    work('dump', values, io, async (session) => {
      const { tree, compress } = values;
      if (tree === undefined || tree === 0) throw new UsageError('dump needs a process: -t PID');
      if (compress !== undefined && compress !== 'lz4') throw new UsageError(`invalid argument for --compress: ${compress} (it is lz4)`);
      const start = performance.now();
      const { pid, tasks, stats } = await dump({
        ...session.common,
        pid: tree,
        leaveRunning: values['leave-running'] === true,
        leaveStopped: values['leave-stopped'] === true,
        linkRemap: values['link-remap'] === true,
        evasiveDevices: values['evasive-devices'] === true,
        checksum: values.checksum === true,
        ...(compress !== undefined && { compress }),
        ...(values['freeze-cgroup'] !== undefined && { freezeCgroup: path.resolve(io.cwd, values['freeze-cgroup']) }),
        ...(values['ghost-limit'] !== undefined && { ghostLimit: values['ghost-limit'] }),
        ...(values.timeout !== undefined && { timeout: values.timeout }),
      });
      const ms = performance.now() - start;
      session.finish(stats);
      // CRIU's last line, which scripts look for.
      session.log.line(LEVEL.info, 'Dumping finished successfully');
      if (values.json === true) {
        io.stdout(`${JSON.stringify({ command: 'dump', ok: true, pid, tasks, imagesDir: session.imagesDir, ms, stats })}\n`);
      }
      const size = bytesText((stats.pagesWritten + stats.shpagesWritten) * PAGE);
      session.say(
        `dumped ${countText(tasks, 'process', 'processes')} (root ${pid}) to ${session.imagesDir}: ` +
          `${size} of memory, frozen for ${timeText(stats.frozenTime / 1000)}, ${timeText(ms)} in all\n`,
      );
      // As CRIU: the processes live on, and it is the caller who decides about them.
      return session.scripts?.postDumpCode ?? 0;
    });
}
