// pipe(7)
import { fd_types, IMAGE_TYPES, type pipe_entry } from '@criu-ts/images';
import { O, S } from '@criu-ts/kernel/abi';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { FileKind, FileRestoreContext } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { fileType, openPath, reopen } from '../../files/paths.js';
import { fillPipe, makePipe, peekPipe, pipeDataOf } from '../../files/pipe-data.js';
import { setFlags } from '../../files/status-flags.js';

export const pipe: FileKind<void> = {
  name: 'pipe',
  type: fd_types.PIPE,
  recognises: ({ link, stat }) => link.startsWith('pipe:[') && fileType(stat.mode) === S.IFIFO,

  judge({ flags }) {
    if ((flags & O.DIRECT) !== 0) throw new Unsupported('file', 'a pipe in packet mode (O_DIRECT) is not supported', { why: 'the images can not tell where one packet ends and the next begins', hint: 'have the program make the pipe without O_DIRECT, or close it before the dump' });
  },

  capture(file, at) {
    const pipeId = Number(BigInt.asUintN(32, file.stat.ino));
    // Only a reader can look into it; a pipe whose readers are all outside keeps its data there.
    if ((file.flags & O.ACCMODE) !== O.WRONLY && (file.flags & O.PATH) === 0) {
      at.shared(`pipe-data:${file.stat.ino}`, () => {
        using fd = file.open();
        const { size, bytes } = peekPipe(fd);
        at.append(IMAGE_TYPES.pipesData, { message: { pipeId, bytes: bytes.length, size }, payload: bytes });
      });
    }
    return { pipe: { id: at.id, pipeId, flags: file.flags, fown: file.fown } };
  },

  reopen(entry, at) {
    const message = part(entry, 'pipe');
    const inherited = at.inherited(`pipe:[${message.pipeId}]`);
    const fd = inherited === undefined ? openEnd(message, at) : reopenEnd(inherited, message.flags);
    if ((message.flags & O.PATH) !== 0) return fd;
    setFlags(fd, message.flags);
    setSignal(fd, message.fown);
    return fd;
  },

  fown: (entry) => entry.pipe?.fown,
};

/** A pipe made anew. Its own two ends go to the first users that were made by pipe(2): all others are opened anew. */
interface NewPipe {
  /** O_PATH: leads to the pipe, and counts neither as reader nor as writer. */
  readonly anchor: OwnedFd;
  reader: OwnedFd | undefined;
  writer: OwnedFd | undefined;
}

function openEnd(message: pipe_entry, at: FileRestoreContext): OwnedFd {
  const made = at.shared(`pipe:${message.pipeId}`, () => makeFilled(message.pipeId, at));
  // Only open(2) sets O_LARGEFILE, so these are the ends that pipe(2) gave.
  const fromPipe = (message.flags & O.LARGEFILE) === 0 && (message.flags & O.PATH) === 0;
  const end = (message.flags & O.ACCMODE) === O.WRONLY ? 'writer' : 'reader';
  const original = made[end];
  if (fromPipe && (message.flags & O.ACCMODE) !== O.RDWR && original !== undefined) {
    made[end] = undefined;
    return original;
  }
  return openPath(`/proc/self/fd/${made.anchor.number}`, openable(message.flags));
}

const openable = (flags: number): number => flags & (O.ACCMODE | O.NONBLOCK | O.PATH);

function makeFilled(pipeId: number, at: FileRestoreContext): NewPipe {
  const { reader, writer } = makePipe();
  const made: NewPipe = { anchor: reopen(reader, O.PATH), reader, writer };
  const close = (): void => {
    made.anchor[Symbol.dispose]();
    made.reader?.[Symbol.dispose]();
    made.writer?.[Symbol.dispose]();
  };
  // Ends that nobody took must go before the tasks run: a reader waits for the end of file.
  at.whenInstalled(close);
  at.defer(close);
  const data = pipeDataOf(IMAGE_TYPES.pipesData, pipeId, at);
  if (data !== undefined) fillPipe(writer, data);
  return made;
}

function reopenEnd(inherited: OwnedFd, flags: number): OwnedFd {
  using fd = inherited;
  return reopen(fd, openable(flags));
}
