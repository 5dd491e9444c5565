import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'sockets' },
  { program: 'peer_credentials', peerFlaw: { pattern: /now.pid ==|size ==/, because: 'all its sockets tell of CRIU as their peer' } },
  { program: 'multicast', peerFlaw: { pattern: /is_member|recv/, because: 'keeps no memberships in multicast groups' } },
  {
    program: 'unix_sockets',
    peerFlaw: { pattern: /has_name|comes_from|ECONNREFUSED/, because: 'CRIU loses the names of accepted sockets and of who sent a datagram, and that a peer is gone' },
  },
  {
    program: 'sockets_raw',
    allowed: [{ field: /^$/, difference: /^maps\/.* socket:\[\d+\] → .* socket:\[\d+\]$/, because: 'the number of a socket made anew' }],
    peerFlaw: { pattern: /SO_TYPE|EXT_ACK|nl_groups|flags/, because: 'CRIU forgets the type and the options of netlink sockets' },
  },
  { program: 'unix_rights', peerFails: 'descriptors that only a queue has' },
]);
