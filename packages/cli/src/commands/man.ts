import type { Execute } from '../io.js';
import { manPage } from '../render/man-page.js';

export const manCommand: Execute = async (_values, io, [command]) => {
  io.stdout(manPage('criu-ts', command));
  return 0;
};
