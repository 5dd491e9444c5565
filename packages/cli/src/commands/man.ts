import type { Declaration } from '@criu-ts/images/cli';
import type { Execute } from '../io.js';
import { manPage } from '../render/man-page.js';

/** @param images the image commands, which are declared elsewhere */
export const manCommand =
  (images: () => readonly Declaration[]): Execute =>
  async (_values, io, [command]) => {
    io.stdout(manPage('criu-ts', command, images));
    return 0;
  };
