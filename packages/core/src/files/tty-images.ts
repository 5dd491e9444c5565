// What the images say of terminals.
import { IMAGE_TYPES, type reg_file_entry, type tty_file_entry, type tty_info_entry, TtyType } from '@criu-ts/images';
import { ImageCorrupt } from '../errors.js';
import type { RestoreContext } from '../resources/contexts.js';
import { fileEntries } from './file-entries.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { unpackKeys, withKeys } from './tty-keys.js';
import type { Queued } from './tty-queue.js';

export interface TtyImages {
  readonly infos: ReadonlyMap<number, tty_info_entry>;
  readonly files: readonly tty_file_entry[];
  /** By the number of the terminal whose reader it waits for. */
  readonly data: ReadonlyMap<number, Queued>;
}

export function ttyImages(at: RestoreContext): TtyImages {
  return at.shared('tty-images', () => ({
    infos: new Map(at.images.readIfPresent(IMAGE_TYPES.ttyInfo).map((info) => [info.id, withKeys(info, unpackKeys)])),
    files: fileEntries(at).flatMap(({ tty }) => (tty === undefined ? [] : [tty])),
    data: new Map(at.images.readIfPresent(IMAGE_TYPES.ttyData).map((entry) => [entry.ttyId, entry])),
  }));
}

export function infoOf({ id, ttyInfoId }: tty_file_entry, at: RestoreContext): tty_info_entry {
  const info = ttyImages(at).infos.get(ttyInfoId);
  if (info === undefined) throw new ImageCorrupt(`it lacks terminal ${ttyInfoId}, which file ${id} is of`, { object: 'tty-info.img' });
  if (info.type === TtyType.PTY && info.pty === undefined) throw new ImageCorrupt(`terminal ${ttyInfoId} has no number`, { object: 'tty-info.img' });
  return info;
}

/** How it was opened. */
export function nameOfTty({ id, regfId }: tty_file_entry, at: FileRestoreContext): reg_file_entry {
  return at.regular(regfId ?? id);
}

/** Whether the number of a terminal is one of a pty's master. */
export const isMaster = ({ type, id }: tty_info_entry): boolean => type === TtyType.PTY && (id & 1) === 1;

/** The open end of a pty whose other end is in the images too. */
export function masterInfoOf(index: number, at: RestoreContext): tty_info_entry | undefined {
  return [...ttyImages(at).infos.values()].find((info) => isMaster(info) && info.pty?.index === index);
}
