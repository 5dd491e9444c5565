// A pty made anew: both ends, with the number, the modes and the contents that it had.
import type { tty_file_entry, tty_info_entry } from '@criu-ts/images';
import { F, O, SYS, TTY } from '@criu-ts/kernel/abi';
import { fcntl, ioctl, OwnedFd, sys } from '@criu-ts/kernel/sys';
import { HostLacks } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { openPath, parentOf, statOf, statPath } from './paths.js';
import { openPeer, readNumber, setLockedTermios, setNumber, setTermios, setWinsize } from './tty-calls.js';
import { externalName } from './tty-device.js';
import { nameOfTty, ttyImages } from './tty-images.js';
import { fillQueues, type Queued } from './tty-queue.js';

const PERMISSIONS = 0o7777;

/** How many numbers below the wanted one may be free: each is taken for a moment. */
const MOST = 4096;

export interface Pty {
  readonly index: number;
  /** Ours until all files stand, so that nothing hangs up before. */
  readonly master: OwnedFd;
  /** The same; undefined where nobody ever opened the slave. */
  readonly slave: OwnedFd | undefined;
  /** Slaves that were hung up, by their file's number in the images. */
  readonly hungUp: ReadonlyMap<number, OwnedFd>;
}

/** Made once. @throws HostLacks where the number is taken */
export function ptyOf(index: number, at: FileRestoreContext): Pty {
  return at.shared(`pty:${index}`, () => makePty(index, at));
}

function makePty(index: number, at: FileRestoreContext): Pty {
  const { infos, files, data } = ttyImages(at);
  const both = [...infos.values()].filter(({ pty }) => pty?.index === index);
  const masterInfo = both.find(isMaster);
  const slaveInfo = both.find((info) => !isMaster(info));
  const ofSlave = files.filter(({ ttyInfoId }) => ttyInfoId === slaveInfo?.id);
  const dead = ofSlave.filter(({ hungUp }) => hungUp === true || slaveInfo?.termios === undefined);

  const master = openMaster(index, masterName(masterInfo, ofSlave, at));
  at.defer(() => master[Symbol.dispose]());
  setNumber(master, TTY.IOCSPTLCK, 0);
  const hungUp = hangUp(master, dead, at);
  const living = masterInfo?.termios === undefined ? slaveInfo : masterInfo;
  const opened = ofSlave.length > dead.length || masterInfo?.slaveClosed === true || (masterInfo?.sid ?? slaveInfo?.sid ?? 0) !== 0;
  const slave = opened ? openPeer(master) : undefined;
  at.defer(() => slave?.[Symbol.dispose]());

  if (living?.termios !== undefined) {
    const side = slave ?? master;
    setTermios(side, living.termios);
    if (living.winsize !== undefined) setWinsize(side, living.winsize);
    if (slave !== undefined) {
      const closedInput: Queued | undefined = masterInfo?.closedInput === undefined ? undefined : { data: masterInfo.closedInput, lineEnds: [] };
      const input = data.get(slaveInfo?.id ?? -1) ?? closedInput;
      fillQueues({ master, slave, packet: false, modes: living.termios }, { input, output: data.get(masterInfo?.id ?? -1), stopped: masterInfo?.stopped === true });
      if (slaveInfo !== undefined) setOwner(slave, slaveInfo, ofSlave, at);
    }
    if (living.termiosLocked !== undefined) setLockedTermios(side, living.termiosLocked);
  }
  // What forbids opening, or would tell the master of all this, comes last.
  at.whenInstalled(() => {
    if (slave !== undefined && slaveInfo?.exclusive === true) ioctl(slave, TTY.IOCEXCL);
    if (masterInfo?.exclusive === true) ioctl(master, TTY.IOCEXCL);
    if (masterInfo?.packetMode === true) setNumber(master, TTY.IOCPKT, 1);
    slave?.[Symbol.dispose]();
    if (masterInfo?.locked === true) setNumber(master, TTY.IOCSPTLCK, 1);
    master[Symbol.dispose]();
  });
  return { index, master, slave, hungUp };
}

/** A master's numbers are odd. */
const isMaster = ({ id }: tty_info_entry): boolean => (id & 1) === 1;

/** The kernel takes the lowest free number: those below are taken until the right one comes. */
function openMaster(index: number, path: string): OwnedFd {
  const others: OwnedFd[] = [];
  try {
    for (;;) {
      const fd = openPath(path, O.RDWR | O.NOCTTY);
      const got = readNumber(fd, TTY.IOCGPTN);
      if (got === index) return fd;
      others.push(fd);
      if (got > index || others.length > MOST) throw ptyTaken(index);
    }
  } finally {
    for (const fd of others) fd[Symbol.dispose]();
  }
}

export function ptyTaken(index: number): HostLacks {
  return new HostLacks('pty-taken', `the terminal /dev/pts/${index} is taken`, { why: 'a program knows its terminal by that number', hint: `end what uses it (fuser /dev/pts/${index}), or wait until it is closed` });
}

/** As it was opened; where the master was outside, or gone, the one beside the slave. */
function masterName(info: tty_info_entry | undefined, slaves: readonly tty_file_entry[], at: FileRestoreContext): string {
  const { files } = ttyImages(at);
  const own = files.find(({ ttyInfoId }) => ttyInfoId === info?.id);
  if (own !== undefined) return nameOfTty(own, at).name;
  const [slave] = slaves;
  const beside = slave === undefined ? undefined : `${parentOf(nameOfTty(slave, at).name)}/ptmx`;
  return beside !== undefined && statPath(beside) !== undefined ? beside : '/dev/ptmx';
}

/** TIOCVHANGUP ends all that was opened before: new files of the slave live. */
function hangUp(master: OwnedFd, files: readonly tty_file_entry[], at: FileRestoreContext): Map<number, OwnedFd> {
  if (files.length === 0) return new Map();
  const opened = new Map(files.map((file) => [file.id, openSlave(file, at)]));
  at.defer(() => opened.forEach((fd) => fd[Symbol.dispose]()));
  using peer = openPeer(master);
  ioctl(peer, TTY.IOCVHANGUP);
  return opened;
}

/** Another open file of the slave. */
export function openSlave(file: tty_file_entry, at: FileRestoreContext): OwnedFd {
  const { name } = nameOfTty(file, at);
  const info = ttyImages(at).infos.get(file.ttyInfoId);
  const fd = openPath(name, (file.flags & (O.ACCMODE | O.NONBLOCK)) | O.NOCTTY);
  const { rdev, dev } = statOf(fd);
  if (info === undefined || Number(rdev) === info.rdev) return fd;
  fd[Symbol.dispose]();
  throw new HostLacks('file-changed', `${name} is ${externalName(rdev, dev)} now, at the dump it was ${externalName(info.rdev, info.dev ?? 0)}`);
}

/** Who may open it: mesg(1), and whoever logged in. */
function setOwner(slave: OwnedFd, { uid, gid }: tty_info_entry, files: readonly tty_file_entry[], at: FileRestoreContext): void {
  const before = statOf(slave);
  if (uid !== undefined && gid !== undefined && (before.uid !== uid || before.gid !== gid)) sys(SYS.fchown, slave.number, uid, gid);
  const [file] = files;
  const mode = file === undefined ? undefined : nameOfTty(file, at).mode;
  if (mode !== undefined && mode !== before.mode) sys(SYS.fchmod, slave.number, mode & PERMISSIONS);
}

/** A duplicate of a descriptor of ours. */
export function duplicate(fd: OwnedFd): OwnedFd {
  return new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));
}
