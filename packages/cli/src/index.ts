export type { Dump, Execute, Io, LoadCommand, Restore } from './io.js';
export { dumpCommand } from './commands/dump.js';
export { restoreCommand } from './commands/restore.js';
export { run } from './run.js';
