// Calls on terminals: ioctl_tty(2), poll(2), read(2) and write(2) that never wait.
import type { termios_entry, winsize_entry } from '@criu-ts/images';
import { O, SYS, TERMIOS_C, termios, TTY, winsize } from '@criu-ts/kernel/abi';
import { ioctl, Memory, OwnedFd, rawSyscall, sys, SyscallFailed, tryIoctl } from '@criu-ts/kernel/sys';

export const EIO = 5;
const ENOTTY = 25;
const SPEEDS = 36;
const memory = new Memory(64 * 1024);
const { view, bytes, address } = memory;

export const POLL = { IN: 1, PRI: 2, OUT: 4, HUP: 16 } as const;

/** TCGETS; undefined where the terminal is hung up: every call on it fails with EIO. */
export function readTermios(fd: OwnedFd): termios_entry | undefined {
  const result = tryIoctl(fd, TTY.CGETS, address);
  if (result === -EIO) return undefined;
  if (result < 0) throw new SyscallFailed('ioctl(TCGETS)', -result);
  return { ...termiosEntry(), ...speeds(fd) };
}

function termiosEntry(): termios_entry {
  const { c_iflag, c_oflag, c_cflag, c_lflag, c_line, c_cc } = termios.read(view, 0);
  return { cIflag: c_iflag, cOflag: c_oflag, cCflag: c_cflag, cLflag: c_lflag, cLine: c_line, cIspeed: 0, cOspeed: 0, cCc: [...c_cc] };
}

/** Where c_cflag names no speed (BOTHER) they are numbers of their own (TCGETS2). */
function speeds(fd: OwnedFd): { readonly cIspeed: number; readonly cOspeed: number } | undefined {
  if ((view.getUint32(8, true) & TERMIOS_C.CBAUD) !== TERMIOS_C.BOTHER) return undefined;
  ioctl(fd, TTY.CGETS2, address);
  return { cIspeed: view.getUint32(SPEEDS, true), cOspeed: view.getUint32(SPEEDS + 4, true) };
}

/** Fills in struct termios2, of which struct termios is the beginning; the request that takes it. */
export function writeTermios(to: DataView, { cIflag, cOflag, cCflag, cLflag, cLine, cCc, cIspeed, cOspeed }: termios_entry): number {
  const c_cc = new Uint8Array(19);
  c_cc.set(cCc.slice(0, 19));
  termios.write(to, 0, { c_iflag: cIflag, c_oflag: cOflag, c_cflag: cCflag, c_lflag: cLflag, c_line: cLine, c_cc });
  if ((cCflag & TERMIOS_C.CBAUD) !== TERMIOS_C.BOTHER || cOspeed === 0) return TTY.CSETS;
  to.setUint32(SPEEDS, cIspeed, true);
  to.setUint32(SPEEDS + 4, cOspeed, true);
  return TTY.CSETS2;
}

/** sizeof(struct termios2) */
export const TERMIOS_SIZE = SPEEDS + 8;

/** TCSETS: at once, without waiting for output and without dropping input. */
export function setTermios(fd: OwnedFd, entry: termios_entry): void {
  ioctl(fd, writeTermios(view, entry), address);
}

/** TIOCGLCKTRMIOS: the bits that only CAP_SYS_ADMIN may change. */
export function readLockedTermios(fd: OwnedFd): termios_entry {
  ioctl(fd, TTY.IOCGLCKTRMIOS, address);
  return termiosEntry();
}

export function setLockedTermios(fd: OwnedFd, entry: termios_entry): void {
  const before = readLockedTermios(fd);
  if (JSON.stringify(before) === JSON.stringify({ ...entry, cIspeed: 0, cOspeed: 0 })) return;
  writeTermios(view, entry);
  ioctl(fd, TTY.IOCSLCKTRMIOS, address);
}

export function readWinsize(fd: OwnedFd): winsize_entry {
  ioctl(fd, TTY.IOCGWINSZ, address);
  const { ws_row, ws_col, ws_xpixel, ws_ypixel } = winsize.read(view, 0);
  return { wsRow: ws_row, wsCol: ws_col, wsXpixel: ws_xpixel, wsYpixel: ws_ypixel };
}

export function setWinsize(fd: OwnedFd, { wsRow, wsCol, wsXpixel, wsYpixel }: winsize_entry): void {
  winsize.write(view, 0, { ws_row: wsRow, ws_col: wsCol, ws_xpixel: wsXpixel, ws_ypixel: wsYpixel });
  ioctl(fd, TTY.IOCSWINSZ, address);
}

/** An ioctl that gives an int; 0 where this side of the terminal has no such thing (ENOTTY). */
export function readNumber(fd: OwnedFd, request: number): number {
  const result = tryIoctl(fd, request, address);
  if (result === -ENOTTY) return 0;
  if (result < 0) throw new SyscallFailed(`ioctl(0x${request.toString(16)})`, -result);
  return view.getInt32(0, true);
}

/** An ioctl that takes a pointer to an int. */
export function setNumber(fd: OwnedFd, request: number, value: number): void {
  view.setInt32(0, value, true);
  ioctl(fd, request, address);
}

/** TIOCGPTPEER: the slave of a master, whatever its name is where we are. Never our controlling terminal. */
export function openPeer(master: OwnedFd): OwnedFd {
  return new OwnedFd(ioctl(master, TTY.IOCGPTPEER, O.RDWR | O.NOCTTY | O.NONBLOCK | O.CLOEXEC));
}

/** read(2) of what is there, up to 32 KiB; undefined where it would wait, or nothing will ever come (EIO). */
export function readOnce(fd: OwnedFd): Uint8Array | undefined {
  const count = rawSyscall(SYS.read, fd.number, address, 32 * 1024);
  if (count === -11 || count === -EIO) return undefined;
  if (count < 0) throw new SyscallFailed('read', -count);
  return bytes.slice(0, count);
}

/** write(2) until all is written: a terminal takes some thousand bytes at a time. */
export function writeAll(fd: OwnedFd, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    const part = data.subarray(at, at + 4096);
    bytes.set(part);
    at += sys(SYS.write, fd.number, address, part.length);
  }
}
