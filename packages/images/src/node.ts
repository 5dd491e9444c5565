export { NodeDirectory, createImageSet, openImageSet } from './io/node-directory.js';
export type { ExistingFiles } from './io/node-directory.js';
