// Removed files with other names left: a temporary name next to the old one stands from the dump until the restore.
import { fd_types, IMAGE_TYPES, remap_type } from '@criu-ts/images';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import type { FileDumpContext, InspectedFile } from '../resources/file-kind.js';
import { NO_OWNER } from './fown.js';
import { linkDescriptor, parentOf, statPath, unlink } from './paths.js';

export function captureLinkRemap(file: InspectedFile, path: string, id: number, at: FileDumpContext): void {
  const linkId = at.nextFileId();
  let directory = parentOf(path);
  while (directory !== '/' && statPath(directory) === undefined) directory = parentOf(directory);
  const plain = `${directory === '/' ? '' : directory}/link_remap.${linkId}`;
  using fd = file.open();
  let name = plain;
  let result = linkDescriptor(fd, name);
  // Another tree's, or left over where images were never restored.
  for (let i = 1; result === -17 && i < 10_000; i++) result = linkDescriptor(fd, (name = `${plain}.${i}`));
  if (result === -18) throw new Unsupported('file', `${path} can't be linked back: its directory lies on another file system now`);
  if (result < 0) throw new SyscallFailed(`linkat(${JSON.stringify(name)})`, -result);
  at.undoOnFailure(() => unlink(name));
  at.append(IMAGE_TYPES.files, { type: fd_types.REG, id: linkId, reg: { id: linkId, flags: 0, pos: 0n, fown: NO_OWNER, name, buildId: [] } });
  at.append(IMAGE_TYPES.remapFpath, { origId: id, remapId: linkId, remapType: remap_type.LINKED });
}
