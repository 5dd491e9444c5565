// Netlink without a socket: builders and parsers; the transport is handed in (NetlinkSocket).
export * from './attributes.js';
export * from './errors.js';
export * from './inet-diag.js';
export * from './message.js';
export * from './netlink-diag.js';
export * from './packet-diag.js';
export * from './sock-diag.js';
export * from './socket.js';
export * from './unix-diag.js';
