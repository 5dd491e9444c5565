// What the kernel tells of a terminal, as tty-info.img has it.
import { IMAGE_TYPES, type tty_info_entry } from '@criu-ts/images';
import { TTY } from '@criu-ts/kernel/abi';
import type { ProcStat } from '@criu-ts/kernel/procfs';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import type { FileDumpContext } from '../resources/file-kind.js';
import { poll } from './socket-calls.js';
import { openPeer, POLL, readLockedTermios, readNumber, readTermios, readWinsize, setNumber } from './tty-calls.js';
import { packKeys, withKeys } from './tty-keys.js';
import { peekQueues } from './tty-queue.js';
import { isHungUp, slavesOf, type SurveyedTty } from './tty-survey.js';

/** Whose controlling terminal it is, and its foreground process group; zeros: nobody's. */
export interface TtySession {
  readonly sid: number;
  readonly pgrp: number;
}

/**
 * A master tells itself (TIOCGSID); of others the kernel tells that only to members of the session, which show it in
 * /proc/PID/stat.
 */
export function sessionOf({ file, device, terminal }: SurveyedTty, processes: readonly ProcStat[]): TtySession {
  if (device.name === 'ptmx') {
    using fd = file.open();
    return { sid: readNumber(fd, TTY.IOCGSID), pgrp: readNumber(fd, TTY.IOCGPGRP) };
  }
  const member = terminal === 0 ? undefined : processes.find(({ ttyNr }) => ttyNr === terminal);
  return member === undefined ? { sid: 0, pgrp: 0 } : { sid: member.session, pgrp: Math.max(member.tpgid, 0) };
}

/** Adds the terminal to the images, once, whichever of its files comes first. */
export function captureTerminal(tty: SurveyedTty, id: number, session: TtySession, at: FileDumpContext): void {
  at.shared(`tty-info:${id}`, () => {
    using fd = tty.file.open();
    const entry = describe(tty, id, fd, session);
    if (tty.device.name === 'ptmx' && entry.termios !== undefined) captureQueues(tty, fd, entry, at);
    at.append(IMAGE_TYPES.ttyInfo, withKeys(entry, packKeys));
    return entry;
  });
}

function describe(tty: SurveyedTty, id: number, fd: OwnedFd, session: TtySession): tty_info_entry {
  const { stat } = tty.file;
  const common = {
    id,
    type: tty.type,
    ...session,
    rdev: Number(BigInt.asUintN(32, stat.rdev)),
    dev: Number(BigInt.asUintN(32, stat.dev)),
    uid: stat.uid,
    gid: stat.gid,
    ...(tty.index !== undefined && { pty: { index: tty.index } }),
  };
  const termios = readTermios(fd);
  // It is hung up, and tells nothing any more.
  if (termios === undefined) return { ...common, locked: false, exclusive: false, packetMode: false };
  return {
    ...common,
    locked: readNumber(fd, TTY.IOCGPTLCK) !== 0,
    exclusive: readNumber(fd, TTY.IOCGEXCL) !== 0,
    packetMode: readNumber(fd, TTY.IOCGPKT) !== 0,
    termios,
    termiosLocked: readLockedTermios(fd),
    winsize: readWinsize(fd),
  };
}

/** What waits in either direction; told where both ends are in the tree. */
function captureQueues(tty: SurveyedTty, master: OwnedFd, entry: tty_info_entry, at: FileDumpContext): void {
  const { termios: modes, packetMode: packet } = entry;
  // Told to the master when nobody has the slave open any more.
  const slaveClosed = (poll(master, 0) & POLL.HUP) !== 0;
  const slaves = slavesOf(tty, at);
  // A slave that was never opened can't be looked into: to close it again would hang up on the master.
  if (modes === undefined || (!slaveClosed && slaves.length === 0)) return;
  using slave = peerOf(master, entry.locked);
  const { input, output, stopped } = peekQueues({ master, slave, packet, modes });
  if (stopped) entry.stopped = true;
  if (slaveClosed) entry.slaveClosed = true;
  if (output.data.length > 0) at.append(IMAGE_TYPES.ttyData, { ttyId: entry.id, ...output });
  if (input.data.length === 0 && input.lineEnds.length === 0) return;
  // CRIU would look for the slave that such an entry belongs to.
  if (slaves.every(isHungUp)) entry.closedInput = input.data;
  else at.append(IMAGE_TYPES.ttyData, { ttyId: entry.id - 1, ...input });
}

/** A locked pty (TIOCSPTLCK) lets nobody open its slave. */
function peerOf(master: OwnedFd, locked: boolean): OwnedFd {
  if (!locked) return openPeer(master);
  setNumber(master, TTY.IOCSPTLCK, 0);
  try {
    return openPeer(master);
  } finally {
    setNumber(master, TTY.IOCSPTLCK, 1);
  }
}
