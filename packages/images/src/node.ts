export { NodeDirectory, createImageSet, openImageSet } from './io/node-directory.js';
export type { ExistingFiles } from './io/node-directory.js';
export { fileAccess, openDirectory } from './checkpoint/node-files.js';
export { openCheckpoint } from './checkpoint/open-node.js';
export { editCheckpoint } from './edit/edit-node.js';
export type { EditOptions } from './edit/edit-node.js';
