export type { Core, Io } from './io.js';
export { run } from './run.js';
