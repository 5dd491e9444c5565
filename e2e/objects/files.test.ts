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
  { program: 'fanotifies' },
  { program: 'files_odd', options: ['--file-locks'], allowed: [{ field: /^fdinfo\/\d+\/inotify wd$/, because: 'a removed file comes back as another inode' }], peerFlaw: { pattern: /IN_MODIFY|gone|IN_DELETE_SELF|told/, because: 'CRIU tells of the break anew' } },
]);
