import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'files', peerFlaw: { pattern: /flags: 0.?1?2?[23]00000 →/, because: 'forgets O_DIRECTORY' } },
  { program: 'files_ghost' },
  { program: 'fs_place' },
  { program: 'pipes' },
  { program: 'epolls' },
  { program: 'epoll_moved', peerFlaw: { pattern: /tfd/, because: 'registers by the duplicate\'s number' } },
  { program: 'timerfds', peerFlaw: { pattern: /tick/, because: 'an interval timer with an unread tick comes back disarmed' } },
  { program: 'signalfds' },
  { program: 'devices' },
  { program: 'pidfds' },
]);
