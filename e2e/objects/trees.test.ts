import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'zombies', peerFlaw: { pattern: /si_uid|status is/, because: 'keeps no user of a zombie, and seven bits of an exit code' } },
  { program: 'stopped', peerFails: 'it refuses processes stopped by SIGTTIN or SIGTTOU' },
  { program: 'kinship', peerFails: 'it finds no leader for orphans of a session that is deeper in the tree' },
  { program: 'shared_tables', peerFails: 'it keeps shared descriptors only of parent and child, and no shared directories' },
  { program: 'shared_memory', peerFails: 'it refuses processes that share memory' },
]);
