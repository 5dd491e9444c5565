import { unpackedPieces } from '../access/unpack.js';
import { bytesAccess } from '../access/byte-access.js';
import type { Images } from '../checkpoint/image-cache.js';
import { ImageCorrupt } from '../errors.js';
import { RAW_IMAGE_TYPES } from '../image-types.js';
import { fileName } from '../layout.js';
import { concat } from '../raw/netlink-attributes.js';
import type { TarListing } from '../raw/tar-list.js';
import { listTar } from '../raw/tar-list.js';

/** The contents of a tmpfs, which the images hold as an archive. */
export interface ArchiveView {
  readonly file: string;
  readonly members: readonly TarListing[];
}

/** Of what unpacks to more, nothing is listed. */
const MAX_UNPACKED = 256 * 1024 * 1024;

/** @throws ImageCorrupt where one can't be unpacked */
export async function readArchives(images: Images): Promise<ArchiveView[]> {
  const archives: ArchiveView[] = [];
  for (const type of [RAW_IMAGE_TYPES.tmpfsImg, RAW_IMAGE_TYPES.tmpfsDev]) {
    for (const id of images.ids(type)) {
      const file = fileName(type, id);
      const pieces: Uint8Array[] = [];
      let size = 0;
      for await (const piece of unpackedPieces(bytesAccess(file, (await images.bytes(file))!), 'gzip')) {
        size += piece.length;
        if (size > MAX_UNPACKED) throw new ImageCorrupt({ file, why: `it unpacks to more than ${MAX_UNPACKED} bytes, which are not listed` });
        pieces.push(piece);
      }
      const members = listTar(concat(pieces));
      if (members === undefined) throw new ImageCorrupt({ file, why: 'it holds no tar' });
      archives.push({ file, members });
    }
  }
  return archives;
}
