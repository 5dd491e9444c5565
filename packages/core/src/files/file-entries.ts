import { type file_entry, IMAGE_TYPES } from '@criu-ts/images';
import type { RestoreContext } from '../resources/contexts.js';

/** All of files.img, read once for all who look for their kind in it: five thousand entries take their time. */
export function fileEntries(at: RestoreContext): readonly file_entry[] {
  return at.shared('files.img', () => at.images.readIfPresent(IMAGE_TYPES.files));
}
