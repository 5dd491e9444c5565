import { testObjects } from '../harness/object-table.js';

const peerFails = 'System V shared memory wants an IPC namespace';

testObjects([
  { program: 'system_v_shm', args: ['keep'], title: 'System V segments that the kernel has kept', peerFails },
  { program: 'system_v_shm', args: ['lose'], title: 'a System V segment that is gone by the time of the restore', peerFails },
  { program: 'system_v_shm', args: ['outside'], title: 'a System V segment that others have attached', refused: /processes outside of the tree have attached it/, peerFails },
  { program: 'system_v_sem', args: ['plain'], title: 'System V semaphores' },
  { program: 'system_v_sem', args: ['undo'], title: 'a System V semaphore that may be held by SEM_UNDO', refused: /it may hold it by SEM_UNDO/, refusedWhenKilled: true, peerFails: 'it gives them back in silence' },
]);
