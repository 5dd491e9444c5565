// fifo(7): a pipe that is opened by its path. In the images it is two files: its own, and a regular one with path and flags.
import { fd_types, IMAGE_TYPES } from '@criu-ts/images';
import { O, S } from '@criu-ts/kernel/abi';
import type { FileKind } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { captureName, judgeName, type NamedFile, openNamed, preflightNamed } from '../../files/named-file.js';
import { fileType, openPath } from '../../files/paths.js';
import { fillPipe, peekPipe, pipeDataOf } from '../../files/pipe-data.js';
import { captureRegular } from '../../files/regular-entry.js';
import { setFlags } from '../../files/status-flags.js';

export const fifo: FileKind<NamedFile> = {
  name: 'fifo',
  type: fd_types.FIFO,
  recognises: ({ link, stat }) => link.startsWith('/') && fileType(stat.mode) === S.IFIFO,
  judge: (file, at) => judgeName(file, at),

  capture(file, at, named) {
    const pipeId = Number(BigInt.asUintN(32, file.stat.ino));
    const regfId = at.nextFileId();
    captureName(file, named, regfId, at);
    at.append(IMAGE_TYPES.files, { type: fd_types.REG, id: regfId, reg: captureRegular(file, named, regfId) });
    if ((file.flags & O.ACCMODE) !== O.WRONLY && (file.flags & O.PATH) === 0) {
      at.shared(`fifo-data:${file.stat.dev}:${file.stat.ino}`, () => {
        using fd = file.open();
        const { size, bytes } = peekPipe(fd);
        at.append(IMAGE_TYPES.fifoData, { message: { pipeId, bytes: bytes.length, size }, payload: bytes });
      });
    }
    return { fifo: { id: at.id, pipeId, regfId } };
  },

  preflight(entry, at) {
    preflightNamed(at.regular(part(entry, 'fifo').regfId ?? entry.id), at);
  },

  reopen(entry, at) {
    const { pipeId, regfId } = part(entry, 'fifo');
    const regular = at.regular(regfId ?? entry.id);
    const isPath = (regular.flags & O.PATH) !== 0;
    const fd = openNamed(regular, at, {
      flags: regular.flags,
      open(path, flags) {
        // Whoever opens one end alone waits for the other: this one is both.
        if (!isPath) {
          const both = openPath(path, O.RDWR | O.NONBLOCK);
          at.shared(`fifo:${pipeId}`, () => {
            const data = pipeDataOf(IMAGE_TYPES.fifoData, pipeId, at);
            if (data !== undefined) fillPipe(both, data);
          });
          // The data lives as long as somebody has the FIFO open.
          at.whenInstalled(() => both[Symbol.dispose]());
          at.defer(() => both[Symbol.dispose]());
        }
        return openPath(path, flags);
      },
    });
    if (isPath) return fd;
    setFlags(fd, regular.flags);
    setSignal(fd, regular.fown);
    return fd;
  },

  fown: (entry, at) => at.regular(part(entry, 'fifo').regfId ?? entry.id).fown,
};
