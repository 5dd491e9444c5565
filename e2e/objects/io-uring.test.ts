import { testObjects } from '../harness/object-table.js';

// Idle rings come back; those with more to them are refused by name.
const busy = (kind: string, refused: RegExp) => ({ program: 'io_uring_busy', args: [kind], refused, peerFails: 'it knows no io_uring' });

testObjects([
  {
    program: 'io_urings',
    peerFails: 'it knows no io_uring',
    allowed: [{ field: /^(thread \d+\/.*|status\/Threads|stat\/num_threads)$/, because: "an idle worker is the kernel's, which makes one when it needs it" }],
  },
  busy('poll', /requests in flight/),
  busy('timeout', /requests in flight/),
  busy('buffers', /registered buffers/),
  busy('files', /registered files/),
  busy('eventfd', /with an eventfd/),
  busy('ring', /registered the descriptor of an io_uring/),
  busy('single', /SINGLE_ISSUER/),
  busy('disabled', /disabled/),
  busy('provided', /provided buffers/),
  busy('sqpoll', /SQPOLL/),
]);
