import type { ByteAccess } from '../access/byte-access.js';

/** One image set as files: a directory on disk, or a directory within an archive. */
export interface ImageFiles {
  /** for people: the path, or ARCHIVE:DIRECTORY */
  readonly name: string;
  /** the same for the same set, however one came there: cycles of parents are told by it */
  readonly identity: string;
  /** names of the image files, sorted */
  list(): readonly string[];
  /** undefined where there is no such file */
  open(name: string): ByteAccess | undefined;
  /** The set that `parent` leads to, an incremental dump's predecessor; undefined where there is none. @throws ImageCorrupt where it leads nowhere */
  parent(): Promise<ImageFiles | undefined>;
  /** Files of the container archive that the set is a part of: "config.dump", "spec.dump", "rootfs-diff.tar" …; relative to its top. */
  beside(path: string): ByteAccess | undefined;
  /** Those files' paths, sorted. */
  listBeside(): readonly string[];
  close(): void;
}

/** Whoever opens a checkpoint may ask for less; nothing of a hostile file makes us go beyond. */
export interface Limits {
  /** bytes that a compressed archive may unpack to; 1 TiB */
  readonly unpackedBytes: number;
  /** members of an archive, those of archives within it counted; 100,000 */
  readonly members: number;
  /** bytes of one image that is read whole (page contents, queues and ghost files are not); 512 MiB */
  readonly imageBytes: number;
  /** image sets in a chain of parents; 1000 */
  readonly parents: number;
  /** archives within archives; 3 */
  readonly nesting: number;
}

export const DEFAULT_LIMITS: Limits = { unpackedBytes: 2 ** 40, members: 100_000, imageBytes: 512 * 2 ** 20, parents: 1000, nesting: 3 };

/** What any image in a compressed archive may have, and how many times the archive's size. Images shrink ten times, zeros a thousand. */
const PACKED_IMAGE = 8 * 2 ** 20;
const PACKED_RATIO = 50;

/** How many bytes of a file are read at once: of a compressed one in proportion to what there really is. */
export function mostReadWhole({ packedSize }: ByteAccess, { imageBytes }: Limits): number {
  return packedSize === undefined ? imageBytes : Math.min(imageBytes, Math.max(PACKED_IMAGE, PACKED_RATIO * packedSize));
}
