import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'sockets' },
  {
    program: 'unix_sockets',
    peerFlaw: { pattern: /has_name|comes_from|ECONNREFUSED/, because: 'CRIU loses the names of accepted sockets and of who sent a datagram, and that a peer is gone' },
  },
]);
