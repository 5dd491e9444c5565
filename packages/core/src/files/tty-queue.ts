// What waits in a pty: input that the slave has not read, output that the master has not read. There is no way to look
// without taking: it is read, and written back in the same breath, under modes that change nothing on the way.
import type { termios_entry, tty_data_entry } from '@criu-ts/images';
import { TERMIOS_I, TERMIOS_L, TERMIOS_O, TTY, VCC } from '@criu-ts/kernel/abi';
import { ioctl, type OwnedFd } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import { poll } from './socket-calls.js';
import { POLL, readOnce, setTermios, writeAll } from './tty-calls.js';

/** Bytes, and where the lines among them end that a read(2) of a terminal in canonical mode may have. */
export type Queued = Pick<tty_data_entry, 'data' | 'lineEnds'>;

/** The two ends of a pty, ours, open for reading and writing. The slave must not wait (O_NONBLOCK). */
export interface Ends {
  readonly master: OwnedFd;
  readonly slave: OwnedFd;
  /** TIOCPKT: a byte that says so comes before each piece of data. */
  readonly packet: boolean;
  readonly modes: termios_entry;
}

export interface PtyQueues {
  readonly input: Queued;
  readonly output: Queued;
  /** Output was stopped (Ctrl-S, tcflow(3)). */
  readonly stopped: boolean;
}

const isCanonical = ({ cLflag }: termios_entry): boolean => (cLflag & TERMIOS_L.ICANON) !== 0;

/** Nothing is lost, whether the dump goes on or not; the processes see nothing of it. */
export function peekQueues(ends: Ends): PtyQueues {
  if (ends.packet && (poll(ends.master, POLL.PRI) & POLL.PRI) !== 0) {
    throw new Unsupported('file', 'a report waits at a terminal in packet mode (TIOCPKT)', { why: 'to read it would take it away', hint: 'dump it when the master has read it' });
  }
  const input = takeInput(ends);
  const output = takeOutput(ends);
  // The buffer is empty now: a slave that can't be written to is one that was stopped.
  const stopped = (poll(ends.slave, POLL.OUT) & POLL.OUT) === 0;
  if (stopped && output.data.length > 0) {
    // Only these two together start again what Ctrl-S has stopped.
    ioctl(ends.slave, TTY.CXONC, TTY.COOFF);
    ioctl(ends.slave, TTY.CXONC, TTY.COON);
    putOutput(ends, output);
    stop(ends);
  } else putOutput(ends, output);
  putInput(ends, input);
  return { input, output, stopped };
}

/** Fills a new pty, whose modes have been set. */
export function fillQueues(ends: Ends, { input, output, stopped }: { readonly input: Queued | undefined; readonly output: Queued | undefined; readonly stopped: boolean }): void {
  if (output !== undefined) putOutput(ends, output);
  if (input !== undefined) putInput(ends, input);
  if (stopped) stop(ends);
}

/** As Ctrl-S would, where that is how this terminal is stopped. */
function stop({ master, slave, modes }: Ends): void {
  const key = modes.cCc[VCC.STOP] ?? 0;
  if ((modes.cIflag & TERMIOS_I.IXON) === 0 || key === 0) return void ioctl(slave, TTY.CXONC, TTY.COOFF);
  writeAll(master, Uint8Array.of(key));
  poll(slave, POLL.IN);
}

function takeInput({ slave, modes }: Ends): Queued {
  const pieces: Uint8Array[] = [];
  const lineEnds: number[] = [];
  let length = 0;
  const add = (piece: Uint8Array): void => {
    pieces.push(piece);
    length += piece.length;
  };
  // A line at a time; without a newline at its end it was ended by Ctrl-D.
  if (isCanonical(modes)) {
    for (let line = readOnce(slave); line !== undefined; line = readOnce(slave)) {
      add(line);
      lineEnds.push(length);
    }
  }
  // What is left is a line that is being typed; or this terminal knows no lines.
  setTermios(slave, unlined(modes));
  try {
    for (let piece = readOnce(slave); piece !== undefined && piece.length > 0; piece = readOnce(slave)) add(piece);
  } finally {
    setTermios(slave, modes);
  }
  return { data: Buffer.concat(pieces), lineEnds };
}

/** All bytes can be read, at once, and no read waits. */
const unlined = (modes: termios_entry): termios_entry => withKeys({ ...modes, cLflag: modes.cLflag & ~TERMIOS_L.ICANON }, { [VCC.MIN]: 0, [VCC.TIME]: 0 });

function putInput({ master, slave, modes, packet }: Ends, queued: Queued): void {
  if (queued.data.length === 0 && queued.lineEnds.length === 0) return;
  setTermios(slave, literal(modes, packet));
  try {
    writeAll(master, isCanonical(modes) ? asTyped(queued, modes) : queued.data);
    // Bytes are worked on behind our back: a poll waits for it, and the modes must stay until then.
    poll(slave, POLL.IN);
  } finally {
    setTermios(slave, modes);
  }
}

const LNEXT = 0x16;
const NEWLINE = 0x0a;

/** Modes in which input comes as it is written: no echo, no signals, no editing; lines end as they did. */
function literal(modes: termios_entry, packet: boolean): termios_entry {
  const { cCc, cIflag, cLflag } = modes;
  const keys = { [VCC.EOF]: cCc[VCC.EOF] ?? 0, [VCC.EOL]: cCc[VCC.EOL] ?? 0, [VCC.EOL2]: cCc[VCC.EOL2] ?? 0, [VCC.LNEXT]: LNEXT, [VCC.START]: cCc[VCC.START] ?? 0, [VCC.STOP]: cCc[VCC.STOP] ?? 0 };
  const kept = cLflag & (TERMIOS_L.ICANON | TERMIOS_L.EXTPROC);
  return {
    ...modes,
    // In packet mode the master is told of a change of IXON.
    cIflag: packet ? cIflag & TERMIOS_I.IXON : 0,
    cLflag: isCanonical(modes) ? kept | TERMIOS_L.IEXTEN : kept,
    cCc: isCanonical(modes) ? cCc.map((_, i) => (keys as Readonly<Record<number, number>>)[i] ?? 0) : [...cCc],
  };
}

function withKeys(modes: termios_entry, keys: Readonly<Record<number, number>>): termios_entry {
  return { ...modes, cCc: modes.cCc.map((key, i) => keys[i] ?? key) };
}

/** The keys that give these lines: what would end a line, and is a part of one, is quoted as by Ctrl-V. */
export function asTyped({ data, lineEnds }: Queued, { cCc }: termios_entry): Uint8Array {
  const eof = cCc[VCC.EOF] ?? 0;
  const enders = [NEWLINE, cCc[VCC.EOL], cCc[VCC.EOL2]].filter((key) => key !== undefined && key !== 0);
  const special = new Set([...enders, eof, LNEXT, cCc[VCC.START], cCc[VCC.STOP]]);
  const ends = lineEnds.length > 0 ? lineEnds : newlines(data);
  const typed: number[] = [];
  let begin = 0;
  for (const end of [...ends, undefined]) {
    const line = data.subarray(begin, end);
    const last = end === undefined ? undefined : line.at(-1);
    const byKey = last !== undefined && enders.includes(last);
    line.forEach((byte, i) => {
      if (special.has(byte) && byte !== 0 && !(byKey && i === line.length - 1)) typed.push(LNEXT);
      typed.push(byte);
    });
    if (end !== undefined && !byKey && eof !== 0) typed.push(eof);
    begin = end ?? data.length;
  }
  return Uint8Array.from(typed);
}

/** Images of CRIU's do not tell lines. */
function newlines(data: Uint8Array): number[] {
  return [...data.keys()].filter((i) => data[i] === NEWLINE).map((i) => i + 1);
}

/** The master's side has neither modes nor lines. */
function takeOutput({ master, packet }: Ends): Queued {
  const pieces: Uint8Array[] = [];
  while ((poll(master, POLL.IN) & POLL.IN) !== 0) {
    const piece = readOnce(master);
    if (piece === undefined || piece.length === 0) break;
    pieces.push(packet ? piece.subarray(1) : piece);
  }
  return { data: Buffer.concat(pieces), lineEnds: [] };
}

function putOutput({ slave, modes }: Ends, { data }: Queued): void {
  if (data.length === 0) return;
  setTermios(slave, { ...modes, cOflag: modes.cOflag & ~TERMIOS_O.OPOST });
  try {
    writeAll(slave, data);
  } finally {
    setTermios(slave, modes);
  }
}
