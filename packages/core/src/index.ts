export * from './check/index.js';
export { dump } from './dump/index.js';
export { dumpStages } from './dump/stages.js';
export * from './errors.js';
export * from './explain/index.js';
export * from './events.js';
export * from './options.js';
export { restore } from './restore/index.js';
export { restoreStages } from './restore/stages.js';
