// Controlling terminals: a session's leader takes its terminal before its children are born, for they inherit it; who is in
// the foreground is told when all groups are there.
import { type tty_info_entry, TtyType } from '@criu-ts/images';
import { O, SIG, SYS, TTY } from '@criu-ts/kernel/abi';
import { kill, type OwnedFd, pidfdGetfd, pidfdOpen } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import { openPath } from '../files/paths.js';
import { readWinsize, TERMIOS_SIZE, writeTermios } from '../files/tty-calls.js';
import { externalName } from '../files/tty-device.js';
import { nameOfTty, ttyImages } from '../files/tty-images.js';
import { controllingKey, madeAnew, openStdin } from '../files/tty-open.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import type { RestoreRun } from './run.js';

/** To be called when the puppet has opened its session, which is all alone in it. */
export function takeTerminal(run: RestoreRun, sid: number, puppet: Puppet): void {
  const at = run.files.context;
  const { infos, files } = ttyImages(at);
  const own = [...infos.values()].filter((info) => info.sid === sid);
  const info = own.find(({ type }) => type !== TtyType.CTTY);
  if (info === undefined) return;
  using terminal = openTerminal(info, at);
  if (terminal === undefined) return;
  const opened = files.filter(({ ttyInfoId }) => own.some(({ id, type }) => id === ttyInfoId && type === TtyType.CTTY));
  using self = pidfdOpen(puppet.tracee.pid);
  puppet.batch((batch) => {
    const pidfd = batch.doing('reach our process').call(SYS.pidfd_open, process.pid, 0);
    const fd = batch.call(SYS.pidfd_getfd, pidfd, terminal.number, 0);
    batch.doing(`take the controlling terminal of session ${sid}`).call(SYS.ioctl, fd, TTY.IOCSCTTY, 0);
    batch.call(SYS.close, fd);
    batch.call(SYS.close, pidfd);
  });
  for (const { id, regfId, flags } of opened) {
    const { name } = at.regular(regfId ?? id);
    let number = -1;
    puppet.batch((batch) => {
      const ref = batch.doing(`open ${name}`).call(SYS.open, batch.string(name), flags & (O.ACCMODE | O.NONBLOCK), 0);
      batch.run();
      number = batch.result(ref);
    });
    const file = pidfdGetfd(self, number);
    at.defer(() => file[Symbol.dispose]());
    at.shared(controllingKey(id), () => file);
    puppet.call(SYS.close, number);
  }
}

/** undefined: the session's terminal stays outside, as that of a shell's job does. */
function openTerminal(info: tty_info_entry, at: FileRestoreContext): OwnedFd | undefined {
  const given = at.inherited(externalName(info.rdev, info.dev ?? 0));
  if (given !== undefined) return given;
  if (info.type === TtyType.PTY) {
    const slave = madeAnew(info, at)?.slave;
    return slave === undefined ? undefined : openPath(`/proc/self/fd/${slave.number}`, O.RDWR | O.NOCTTY);
  }
  const file = ttyImages(at).files.find(({ ttyInfoId }) => ttyInfoId === info.id);
  return file === undefined ? undefined : openPath(nameOfTty(file, at).name, O.RDWR | O.NOCTTY);
}

/** tcsetpgrp(3), by the leader of each session; to be called when all groups are there. */
export function setForeground(run: RestoreRun): void {
  const at = run.files.context;
  const { infos } = ttyImages(at);
  const groups = new Set(run.plan.tasks.map(({ tree }) => tree.pgid));
  const done = new Set<number>();
  for (const info of infos.values()) {
    const { sid, pgrp, type } = info;
    const leader = run.tasks.get(sid);
    // Taken by the leader of a session of the images; see takeTerminal.
    if (type === TtyType.PTY && madeAnew(info, at) === undefined) continue;
    // A group that had no processes any more can't be made again: the leader stays in the foreground.
    if (leader === undefined || done.has(sid) || pgrp === sid || !groups.has(pgrp)) continue;
    done.add(sid);
    leader.puppet.batch((batch) => {
      const tty = batch.doing(`put group ${pgrp} into the foreground of its terminal`).call(SYS.open, batch.string('/dev/tty'), O.RDWR | O.NOCTTY, 0);
      const group = batch.struct(4);
      group.view.setInt32(0, pgrp, true);
      batch.call(SYS.ioctl, tty, TTY.IOCSPGRP, group.address);
      batch.call(SYS.close, tty);
    });
  }
  if (run.options.shellJob === true) adoptTerminal(run);
}

/**
 * A shell's job: its modes go to the terminal of whoever restores, and the job becomes the foreground, as the shell would
 * have it. The size of that terminal is a fact: the job is told of it where it is another than it was.
 */
function adoptTerminal(run: RestoreRun): void {
  const at = run.files.context;
  const [root] = run.plan.tasks;
  const info = [...ttyImages(at).infos.values()].find((one) => one.type === TtyType.PTY && one.termios !== undefined && madeAnew(one, at) === undefined);
  if (root === undefined || info?.termios === undefined) return;
  const { termios, winsize, pgrp } = info;
  using stdin = openStdin();
  const groups = run.plan.tasks.filter(({ tree }) => tree.sid === root.tree.sid).map(({ tree }) => tree.pgid);
  // Who was in front is so again: the job itself, or one that it runs. In our own group it need not be put there.
  const foreground = root.tree.sid === root.pid ? undefined : [pgrp, root.tree.pgid].find((group) => groups.includes(group));
  // Its signals are blocked: it may do so from the background, where we would be stopped.
  run.task(root.pid).puppet.batch((batch) => {
    const pidfd = batch.doing('reach our terminal').call(SYS.pidfd_open, process.pid, 0);
    const tty = batch.call(SYS.pidfd_getfd, pidfd, stdin.number, 0);
    const modes = batch.struct(TERMIOS_SIZE);
    batch.doing('set the modes of our terminal').call(SYS.ioctl, tty, writeTermios(modes.view, termios), modes.address);
    if (foreground !== undefined) {
      const group = batch.struct(4);
      group.view.setInt32(0, foreground, true);
      // Where it is no controlling terminal of ours, there is no foreground.
      batch.attempt(SYS.ioctl, tty, TTY.IOCSPGRP, group.address);
    }
    batch.call(SYS.close, tty);
    batch.call(SYS.close, pidfd);
  });
  if (winsize === undefined || JSON.stringify(winsize) === JSON.stringify(readWinsize(stdin))) return;
  for (const { pid, tree } of run.plan.tasks) if (tree.pgid === pgrp && run.tasks.has(pid)) kill(pid, SIG.WINCH);
}
