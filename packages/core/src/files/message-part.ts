import type { file_entry } from '@criu-ts/images';
import { ImageCorrupt } from '../errors.js';

/** The part of a file's entry that its kind has. @throws ImageCorrupt where it is missing */
export function part<Key extends keyof file_entry>(entry: file_entry, key: Key): NonNullable<file_entry[Key]> {
  const value = entry[key];
  if (value === undefined) throw new ImageCorrupt(`file ${entry.id} has no part '${key}'`, { object: 'files.img' });
  return value;
}
