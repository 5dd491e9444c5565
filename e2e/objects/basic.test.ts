import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'counter', allowed: [{ field: /^fdinfo\/[12]\/pos$/, because: 'it writes on' }], compareProc: false },
  { program: 'threads', compareProc: false },
  { program: 'eventfds', peerFlaw: { pattern: /eventfd-(semaphore|count)|semaphore|value == big|value is 1/, because: 'keeps 32 bits of the counter, and no EFD_SEMAPHORE' } },
]);
