import { fileName, type ImageSet, RAW_IMAGE_TYPES } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { O } from '@criu-ts/kernel/abi';
import { open, type OwnedFd } from '@criu-ts/kernel/sys';
import { Bug } from '../../errors.js';

/** `pages-<id>.img` of a set on disk. */
export function openPages(images: ImageSet, pagesId: number): OwnedFd {
  const { directory } = images;
  if (!(directory instanceof NodeDirectory)) throw new Bug('images that are not in a directory have no file of pages');
  return open(`/proc/self/fd/${directory.fd}/${fileName(RAW_IMAGE_TYPES.pages, pagesId)}`, O.RDONLY);
}
