import { testObjects } from '../harness/object-table.js';

const peerFlaw = { pattern: /sem_next_id|msg_qbytes|shm_cpid|shm_rmid_forced/, because: 'CRIU' };

testObjects([
  { program: 'namespaces', args: ['all'], title: 'ipc, uts and time namespaces of its own', peerFlaw },
  { program: 'namespaces', args: ['forced'], title: 'segments that shm_rmid_forced would remove', peerFlaw },
  { program: 'namespaces', args: ['forced-lone'], title: 'a segment that would vanish when it is read', refused: /nobody has attached it, and it would vanish when it is read/, peerFails: 'it has it vanish' },
  { program: 'namespaces', args: ['undo'], title: 'a semaphore of its own ipc namespace that may be held by SEM_UNDO', refused: /it may hold it by SEM_UNDO/, peerFails: 'it gives them back in silence' },
  { program: 'namespaces', args: ['mqueue'], title: 'a POSIX message queue', refused: /POSIX message queue \/e2e of process \d+: POSIX message queues are not supported yet/, peerFails: 'it loses them in silence' },
  { program: 'namespaces', args: ['open-mqueue'], title: 'an open POSIX message queue', refused: /fd \d+ → \/e2e .*POSIX message queue/ },
  { program: 'namespaces', args: ['nested'], title: 'a child in a namespace of its own', refused: /lives in another uts namespace than the root|nested uts namespace/ },
  { program: 'namespaces', args: ['child'], title: 'a child whose children would live in a namespace of their own', refused: /its children will live in another pid namespace/, peerFails: 'it forgets about it' },
]);
