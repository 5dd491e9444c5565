// Terminals: pty(7), tty(4), ioctl_tty(2). In the images a terminal is an entry of tty-info.img, to which any number of
// open files belong; how these were opened is told by a regular file besides.
import { fd_types, IMAGE_TYPES } from '@criu-ts/images';
import { KD, O, TTY, VT } from '@criu-ts/kernel/abi';
import { splitDeleted } from '@criu-ts/kernel/procfs';
import { Unsupported } from '../../errors.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { statPath } from '../../files/paths.js';
import { captureRegular } from '../../files/regular-entry.js';
import { setFlags } from '../../files/status-flags.js';
import { readNumber } from '../../files/tty-calls.js';
import { externalName, infoId } from '../../files/tty-device.js';
import { preflightTty, reopenTty } from '../../files/tty-open.js';
import { captureTerminal, sessionOf, type TtySession } from '../../files/tty-state.js';
import { isHungUp, isOpenTty, masterOf, slavesOf, survey, type SurveyedTty } from '../../files/tty-survey.js';
import type { FileDumpContext, FileKind } from '../file-kind.js';

interface JudgedTty {
  readonly tty: SurveyedTty;
  readonly infoId: number;
  readonly session: TtySession;
  /** Its name, without what /proc adds when that is gone. */
  readonly path: string;
}

const N_TTY = 0;

export const tty: FileKind<JudgedTty> = {
  name: 'tty',
  type: fd_types.TTY,
  recognises: isOpenTty,

  judge(file, at) {
    const tty = survey(file, at);
    const { device, index } = tty;
    judgeState(tty);
    const session = sessionOf(tty, at.processes());
    judgeSession(session, at);
    if (device.name === 'pts' && !isHungUp(tty)) judgeMaster(tty, at);
    // Of /dev/tty there are as many as sessions.
    const key = index === undefined ? `${file.stat.rdev}:${tty.terminal}` : `${device.name}:${index}`;
    const id = at.shared(`tty-id:${key}`, () => infoId(device, index, index === undefined ? at.nextId(`tty:${device.name}`) - 1 : 0));
    return { tty, infoId: id, session, path: judgePath(tty) };
  },

  capture(file, at, { tty, infoId, session, path }) {
    // Where one file of a terminal lives and another was hung up, the entry in tty-info.img is of the living one.
    const deadAmongLiving = isHungUp(tty) && slavesOf(tty, at).some((other) => !isHungUp(other));
    if (!deadAmongLiving) captureTerminal(tty, infoId, session, at);
    const message = { id: at.id, ttyInfoId: infoId, flags: file.flags, fown: file.fown, ...(deadAmongLiving && { hungUp: true }) };
    if (tty.device.name === 'external') return { tty: message };
    const regfId = at.nextFileId();
    at.append(IMAGE_TYPES.files, { type: fd_types.REG, id: regfId, reg: captureRegular(file, { path, remap: 'none' }, regfId) });
    return { tty: { ...message, regfId } };
  },

  preflight: (entry, at) => preflightTty(part(entry, 'tty'), at),

  reopen(entry, at) {
    const message = part(entry, 'tty');
    const fd = reopenTty(message, at);
    setFlags(fd, message.flags);
    setSignal(fd, message.fown);
    return fd;
  },

  fown: (entry) => entry.tty?.fown,
};

function judgeState(tty: SurveyedTty): void {
  const { file, device } = tty;
  if (isHungUp(tty)) {
    if (device.name === 'pts') return;
    throw new Unsupported('file', 'a terminal that was hung up is not supported', { hint: 'close it before the dump' });
  }
  if (device.name === 'ptmx' && (file.flags & O.ACCMODE) !== O.RDWR) throw new Unsupported('file', 'the master of a pty that is open one way only is not supported');
  using fd = file.open();
  const discipline = readNumber(fd, TTY.IOCGETD);
  if (discipline !== N_TTY) throw new Unsupported('file', `a terminal with the line discipline ${discipline} is not supported`, { why: 'what it keeps can not be read back' });
  // Of terminals that aren't virtual ones these are 0 as well.
  if (readNumber(fd, KD.GETMODE) !== KD._TEXT || (readNumber(fd, VT.GETMODE) & MODE) !== VT.AUTO) {
    throw new Unsupported('file', `the virtual terminal ${file.link} shows graphics, or switching it is up to the program`, { why: 'the screen belongs to a graphics driver', hint: 'switch to a text console, or end the display server' });
  }
}

/** The first byte of struct vt_mode. */
const MODE = 0xff;

/** The controlling terminal of a session outside of the tree is, at the restore, that of whoever restores. */
function judgeSession({ sid }: TtySession, at: FileDumpContext): void {
  if (sid === 0 || at.options.shellJob === true || at.processes().some(({ pid }) => pid === sid)) return;
  throw new Unsupported('session', `it is the controlling terminal of session ${sid}, whose leader is outside of the tree`, {
    hint: 'dump from the session leader, start the program in a session of its own (setsid), or use --shell-job',
  });
}

/** A slave alone: its other end is a terminal emulator, or a connection, that stays where it is. */
function judgeMaster(tty: SurveyedTty, at: FileDumpContext): void {
  const { file, index } = tty;
  if (at.shared(`pty-place:${index}`, () => file.stat.dev) !== file.stat.dev) throw new Unsupported('file', `two terminals have the number ${index}, in different devpts file systems`);
  if (masterOf(tty, at) !== undefined) return;
  const name = externalName(file.stat.rdev, file.stat.dev);
  const { shellJob, orphanPtsMaster } = at.options;
  if (shellJob !== true && orphanPtsMaster !== true) {
    throw new Unsupported('file', `the master of the terminal ${file.link} is outside of the tree`, {
      why: 'what the terminal shows, and who types, is not known here',
      hint: `dump the process that holds the master, use --shell-job (its terminal will be that of whoever restores), or --external '${name}'`,
    });
  }
  if (at.shared('outer-terminal', () => index) !== index) {
    throw new Unsupported('file', 'a second terminal from outside of the tree is not supported', { why: 'both would become the terminal of whoever restores', hint: `leave one of them to the outside: --external '${name}'` });
  }
}

function judgePath(tty: SurveyedTty): string {
  const { link, stat } = tty.file;
  const { path } = splitDeleted(link);
  if (isHungUp(tty) || tty.device.name === 'external' || statPath(path)?.rdev === stat.rdev) return path;
  throw new Unsupported('file', `${path} leads to another terminal`, { why: 'its name is hidden by a mount, or leads elsewhere in our mount namespace' });
}
