import { testObjects } from '../harness/object-table.js';

const needsResource = 'it wants CAP_SYS_RESOURCE for tasks of other users, which not every root has';

testObjects([
  { program: 'signals' },
  { program: 'signals', args: ['trap'], peerFails: 'it can\'t detach from a task with a pending SIGTRAP' },
  { program: 'altstack' },
  { program: 'timers', restless: [{ field: /ShdPnd|SigPnd/, because: 'its timers tick on' }] },
  { program: 'creds', args: ['drop'], peerFails: needsResource },
  { program: 'creds', args: ['caps'], peerFails: needsResource },
  { program: 'creds', args: ['root'] },
  { program: 'creds', args: ['mixed'], peerFails: needsResource },
  { program: 'limits', peerFlaw: { pattern: /coredump_filter|timerslack|TIMERSLACK|Cpus_allowed|CPU_EQUAL|ioprio/, because: 'keeps no coredump filter, timer slack, affinity, io priority' } },
  { program: 'identity', args: ['with', 'some', 'arguments'], peerFlaw: { pattern: /personality|MCE_KILL/, because: 'keeps no personality, no MCE policy' } },
  { program: 'seccomps', args: ['strict'], title: 'seccomp in strict mode' },
  { program: 'seccomps', args: ['user'], title: 'seccomp filters of a user', peerFails: needsResource },
  { program: 'seccomps', args: ['threads'], title: 'seccomp filters that differ from thread to thread' },
  { program: 'seccomps', args: ['together'], title: 'seccomp filters for all threads together' },
  { program: 'seccomps', args: ['notify'], title: 'a seccomp filter that asks a supervisor', refused: /asks a supervisor/ },
  { program: 'modes', peerFlaw: { pattern: /TSC|mode is|THP_DISABLE|MEMORY_MERGE|IO_FLUSHER|autogroup|locked|SPECULATION|CPUID|runtime|old_call|base_addr/, because: 'keeps none of it but that huge pages are disabled' } },
  { program: 'main_ended', title: 'main threads that have ended', options: ['--file-locks'], allowed: [{ field: /(status|thread 0)\/SigBlk/, because: 'the main thread must not be interrupted while it ends again' }], peerFails: 'it can\'t seize the rest of such a process' },
  { program: 'main_ended', args: ['filtered'], title: 'main threads that have ended, under a seccomp filter', options: ['--file-locks'], refused: /seccomp filters, and its main thread has ended/ },
  { program: 'main_ended', args: ['bereaved'], title: 'main threads that have ended, with a child that heeds its parent\'s death', options: ['--file-locks'], refused: /at the death of its parent \d+, whose main thread has ended/ },
  { program: 'rseqs' },
  { program: 'tree' },
  { program: 'many_vmas', args: ['3000'] },
]);
