import { testObjects } from '../harness/object-table.js';

testObjects([{ program: 'restarts', compareProc: false, peerFlaw: { pattern: /errno 4|was interrupted/, because: 'forgets restart blocks: what slept with a timeout gets EINTR' } }]);
