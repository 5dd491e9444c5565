import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'mem_anon' },
  { program: 'mem_flags', peerFlaw: { pattern: /lo lf → .*lo$/, because: 'MLOCK_ONFAULT becomes a plain lock' } },
  { program: 'mem_file' },
  { program: 'mem_shared' },
  { program: 'mem_memfd' },
  { program: 'mem_opened' },
  { program: 'aio_rings', allowed: [{ field: /^$/, difference: /^maps\/.* \/\[aio\] \(deleted\)$/, because: 'a ring made anew is another nameless file' }] },
  { program: 'mem_guards' },
  { program: 'family' },
]);
