import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'zombies', peerFlaw: { pattern: /si_uid/, because: 'keeps no user of a zombie' } },
  { program: 'stopped', peerFlaw: { pattern: /heard|told|waitpid|WIFSTOPPED/, because: 'a parent hears of each stop anew' } },
  { program: 'kinship' },
  { program: 'shared_tables', peerFails: 'it keeps shared descriptors only of parent and child, and no shared directories' },
]);
