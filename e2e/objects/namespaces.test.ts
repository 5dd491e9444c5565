import { testObjects } from '../harness/object-table.js';
import { namespaceChanges, namespacesPeerFlaw } from '../harness/namespaces.js';

const common = { program: 'namespaces', allowed: namespaceChanges, peerFlaw: namespacesPeerFlaw } as const;

testObjects([
  { ...common, args: ['all'], title: 'ipc, uts and time namespaces of its own' },
  { ...common, args: ['forced'], title: 'segments that shm_rmid_forced would remove', peerFails: 'it sets that first, and finds none of them' },
  { ...common, args: ['forced-lone'], title: 'a segment that would vanish when it is read', refused: /nobody has attached it, and it would vanish when it is read/, peerFails: 'it has it vanish' },
  { ...common, args: ['undo'], title: 'a semaphore of its own ipc namespace that may be held by SEM_UNDO', refused: /it may hold it by SEM_UNDO/, peerFails: 'it gives them back in silence' },
  { ...common, args: ['mqueue'], title: 'a POSIX message queue', refused: /POSIX message queue \/e2e of process \d+: POSIX message queues are not supported yet/, peerFails: 'it loses them in silence' },
  { ...common, args: ['open-mqueue'], title: 'an open POSIX message queue', refused: /fd \d+ → \/e2e .*POSIX message queue/, peerFails: 'it says nothing of queues' },
  { ...common, args: ['nested'], title: 'a child in a namespace of its own', refused: /lives in another uts namespace than the root|nested uts namespace/ },
  { ...common, args: ['child'], title: 'a child whose children would live in a namespace of their own', refused: /its children will live in another pid namespace/, peerFails: 'it forgets about it' },
]);
