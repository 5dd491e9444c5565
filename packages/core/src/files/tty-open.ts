// Where a terminal comes from at a restore: made anew, from the outside, or there all the time.
import { type tty_file_entry, type tty_info_entry, TtyType } from '@criu-ts/images';
import { O } from '@criu-ts/kernel/abi';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import { HostLacks } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { openPath, reopen, statPath } from './paths.js';
import { readTermios, readWinsize, setTermios, setWinsize } from './tty-calls.js';
import { externalName } from './tty-device.js';
import { infoOf, isMaster, masterInfoOf, nameOfTty } from './tty-images.js';
import { duplicate, openSlave, type Pty, ptyOf, ptyTaken } from './tty-pair.js';

const STDIN = 0;

/** An open file of a terminal, ours. */
export function reopenTty(file: tty_file_entry, at: FileRestoreContext): OwnedFd {
  const info = infoOf(file, at);
  const given = at.inherited(externalName(info.rdev, info.dev ?? 0));
  if (given !== undefined) return withModes(given, info);
  switch (info.type) {
    case TtyType.PTY:
      return openPtyFile(file, info, at);
    case TtyType.CTTY:
      return openControlling(file, info, at);
    case TtyType.EXT_TTY:
      throw missing(info);
    default:
      return withModes(openPath(nameOfTty(file, at).name, openable(file)), info);
  }
}

/** For `explain`: what stands in the way of {@link reopenTty}, without opening a terminal that isn't there yet. */
export function preflightTty(file: tty_file_entry, at: FileRestoreContext): void {
  const info = infoOf(file, at);
  using given = at.inherited(externalName(info.rdev, info.dev ?? 0));
  if (given !== undefined) return;
  switch (info.type) {
    case TtyType.PTY:
      if (isMadeAnew(info, at)) return checkFree(info, info.pty?.index ?? 0, at);
      if (at.options.shellJob !== true) throw missing(info);
      openStdin()[Symbol.dispose]();
      return;
    case TtyType.EXT_TTY:
      throw missing(info);
    case TtyType.CTTY:
      return;
    default:
      if (statPath(nameOfTty(file, at).name) === undefined) throw new HostLacks('file-missing', `${nameOfTty(file, at).name} does not exist`);
  }
}

/** One of the two ends is told of, the other needs no telling. */
function checkFree(info: tty_info_entry, index: number, at: FileRestoreContext): void {
  const told = isMaster(info) || masterInfoOf(index, at) === undefined;
  if (told && statPath(`/dev/pts/${index}`) !== undefined) throw ptyTaken(index);
}

const openable = ({ flags }: tty_file_entry): number => (flags & (O.ACCMODE | O.NONBLOCK)) | O.NOCTTY;

function openPtyFile(file: tty_file_entry, info: tty_info_entry, at: FileRestoreContext): OwnedFd {
  const pty = madeAnew(info, at);
  if (pty === undefined) return openOuter(file, info, at);
  if (isMaster(info)) return duplicate(pty.master);
  const dead = pty.hungUp.get(file.id);
  return dead === undefined ? openSlave(file, at) : duplicate(dead);
}

/** Its other end is in the images too, was gone, or goes to whoever asked for it. */
function isMadeAnew({ type, pty, termios }: tty_info_entry, at: FileRestoreContext): boolean {
  if (type !== TtyType.PTY || pty === undefined) return false;
  return masterInfoOf(pty.index, at) !== undefined || termios === undefined || at.options.onOrphanMaster !== undefined;
}

/** undefined: a slave whose master is outside, and stays there. */
export function madeAnew(info: tty_info_entry, at: FileRestoreContext): Pty | undefined {
  const index = info.pty?.index;
  if (index === undefined || !isMadeAnew(info, at)) return undefined;
  const pty = ptyOf(index, at);
  const { onOrphanMaster } = at.options;
  if (onOrphanMaster === undefined || masterInfoOf(index, at) !== undefined || info.termios === undefined) return pty;
  at.shared(`orphan-master:${index}`, () => {
    onOrphanMaster({ fd: pty.master.number, index });
    return true;
  });
  return pty;
}

/** The terminal of a shell's job: that of whoever restores. */
function openOuter(file: tty_file_entry, info: tty_info_entry, at: FileRestoreContext): OwnedFd {
  if (at.options.shellJob !== true) throw missing(info);
  using stdin = openStdin();
  if (readTermios(stdin) === undefined) throw new HostLacks('terminal', 'our standard input was hung up');
  return reopen(stdin, openable(file));
}

/** Our own terminal, opened anew. @throws HostLacks */
export function openStdin(): OwnedFd {
  try {
    using stdin = openPath(`/proc/self/fd/${STDIN}`, O.RDWR | O.NOCTTY | O.NONBLOCK);
    readTermios(stdin);
    return duplicate(stdin);
  } catch (cause) {
    throw new HostLacks('terminal', 'there is no terminal for the job: our standard input is none', { hint: 'restore it from a shell in a terminal', cause });
  }
}

function missing({ rdev, dev }: tty_info_entry): HostLacks {
  const name = externalName(rdev, dev ?? 0);
  return new HostLacks('terminal', `its terminal ${name} was left to the outside`, { hint: `hand one over with --inherit-fd 'fd[N]:${name}'; a shell's job takes --shell-job` });
}

/** A terminal that lives on without us, made as it was: it may be the one that we run in. */
function withModes(fd: OwnedFd, { termios, winsize }: tty_info_entry): OwnedFd {
  if (termios !== undefined && JSON.stringify(readTermios(fd)) !== JSON.stringify(termios)) setTermios(fd, termios);
  if (winsize !== undefined && JSON.stringify(readWinsize(fd)) !== JSON.stringify(winsize)) setWinsize(fd, winsize);
  return fd;
}

/** /dev/tty: opened by the session's leader when it got its terminal; our own, where the session is ours. */
function openControlling(file: tty_file_entry, { sid }: tty_info_entry, at: FileRestoreContext): OwnedFd {
  const opened = at.shared<OwnedFd | undefined>(controllingKey(file.id), () => undefined);
  if (opened !== undefined) return opened;
  try {
    return openPath(nameOfTty(file, at).name, openable(file));
  } catch (cause) {
    throw new HostLacks('terminal', `session ${sid} has no controlling terminal to be opened as ${nameOfTty(file, at).name}`, { hint: "a shell's job takes --shell-job, in a terminal", cause });
  }
}

/** Under which the file of /dev/tty is kept (`at.shared`) that a session's leader has opened. */
export const controllingKey = (file: number): string => `controlling-tty:${file}`;
