export * from './fs.js';
export * from './libc.js';
export * from './memory.js';
export * from './namespaces.js';
export * from './owned-fd.js';
export * from './process.js';
export * from './code.js';
