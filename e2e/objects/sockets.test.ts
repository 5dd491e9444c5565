import { testObjects } from '../harness/object-table.js';

testObjects([{ program: 'sockets' }, { program: 'unix_sockets' }]);
