import type { Allowed } from './proc-compare.js';

/** What differs for a program with namespaces of its own. */
export const namespaceChanges: readonly Allowed[] = [{ field: /fd\/\d+$/, difference: /^(ipc|uts|time):\[\d+\] → \1:\[\d+\]$/, because: 'a restore makes new namespaces' }];

/** What CRIU 4.2 makes of programs/namespaces.c. */
export const namespacesPeerFlaw = { pattern: /sem_next_id|msg_qbytes|shm_cpid/, because: 'a wish for an id is used up by what it makes; queues get the usual size; the maker of a segment is the root' };
