// CRIU 4.2's options (criu(8)) and ours. https://criu.org/CLI
import type { rareOptions } from './rare.js';
import type { OptionSpec, ValuesOf } from './spec.js';

const BOTH = ['dump', 'restore'] as const;
/** What judges needs to know what will be allowed. */
const DUMP = ['dump', 'explain'] as const;
const RESTORE = ['restore', 'explain'] as const;
const ALL = ['dump', 'restore', 'explain'] as const;
const EVERY = ['dump', 'restore', 'explain', 'check'] as const;

const generic = [
  { long: 'tree', short: 't', kind: 'number', value: 'PID', of: DUMP, text: 'root of the process tree' },
  { long: 'images-dir', short: 'D', kind: 'string', value: 'DIR', of: ALL, text: 'directory of the images (default: .)' },
  { long: 'work-dir', short: 'W', kind: 'string', value: 'DIR', of: ALL, text: 'directory for logs, pidfiles and statistics (default: the images\')' },
  { long: 'leave-running', short: 'R', kind: 'flag', of: ['dump'], text: 'let the processes run on after the dump' },
  { long: 'leave-stopped', short: 's', kind: 'flag', of: BOTH, text: 'leave the processes stopped afterwards' },
  { long: 'restore-detached', short: 'd', alias: 'daemon', kind: 'flag', negatable: true, of: ['restore'], text: 'do not wait for the restored processes' },
  { long: 'restore-sibling', short: 'S', kind: 'flag', negatable: true, of: ['restore'], text: 'restore the root process as our sibling (needs -d)' },
  { long: 'pidfile', kind: 'string', value: 'FILE', of: ['restore'], text: 'write the pid of the root process to FILE' },
  { long: 'exec-cmd', kind: 'flag', of: ['restore'], text: 'when all is restored, execute the command that follows -- instead of waiting; it becomes the parent of the root process' },
  { long: 'action-script', kind: 'list', value: 'FILE', of: BOTH, text: 'execute FILE at certain moments; CRTOOLS_SCRIPT_ACTION says which: pre-dump, post-dump, pre-restore, post-restore, pre-resume, post-resume …' },
  { long: 'timeout', kind: 'number', value: 'SECONDS', of: ['dump'], text: 'how long freezing the tree may take (default: 10; 0: no limit)' },
  { long: 'root', short: 'r', kind: 'string', value: 'DIR', of: ALL, text: 'root directory of the mount namespace' },
  { long: 'compress', kind: 'string', value: 'lz4', of: ['dump'], ours: true, text: 'compress the pages (CRIU cannot read them)' },
  { long: 'checksum', kind: 'flag', negatable: true, of: ['dump'], ours: true, text: 'add checksums of the pages; a restore verifies them' },
] as const satisfies readonly OptionSpec[];

const resources = [
  { long: 'shell-job', short: 'j', kind: 'flag', negatable: true, of: ALL, text: 'allow a job of a shell: its terminal and session are outside of the tree' },
  { long: 'external', kind: 'list', value: 'RES', of: ALL, text: 'leave RES alone: dev[MAJ/MIN]:NAME, file[MNT:INO], tty[RDEV:DEV], unix[INO] …' },
  { long: 'inherit-fd', kind: 'list', value: 'fd[N]:RES', of: RESTORE, text: 'use our descriptor N as RES: tty[…], pipe[INO], socket[INO], file[…], a path' },
  { long: 'join-ns', short: 'J', kind: 'list', value: 'NS:FILE', of: RESTORE, text: 'restore into a namespace that is there: ipc, uts or time, by its file or a PID' },
  { long: 'tcp-established', kind: 'flag', negatable: true, of: ALL, text: 'allow established TCP connections' },
  { long: 'ext-unix-sk', short: 'x', kind: 'string', value: 'INODES', optionalValue: true, of: ALL, text: 'allow unix sockets with a peer outside of the tree' },
  { long: 'file-locks', short: 'l', kind: 'flag', negatable: true, of: ALL, text: 'allow file locks' },
  { long: 'ghost-limit', kind: 'size', value: 'SIZE', of: DUMP, text: 'largest unlinked file to put into the images (default: 1M; K, M, G)' },
  { long: 'link-remap', kind: 'flag', negatable: true, of: DUMP, text: 'allow to link unlinked files back into their directory' },
  { long: 'evasive-devices', kind: 'flag', negatable: true, of: BOTH, text: 'take any path to a device when its own is not accessible' },
  { long: 'freeze-cgroup', kind: 'string', value: 'DIR', of: ['dump'], text: 'stop all that is in this cgroup; thaw it for the dump, where it is frozen' },
  { long: 'manage-cgroups', kind: 'string', value: 'MODE', optionalValue: true, of: BOTH, text: 'cgroups of the tree: none, props, soft (default), full, strict, ignore' },
  { long: 'cgroup-root', kind: 'list', value: '[CTRL:]DIR', of: BOTH, text: 'have the cgroups of the tree below DIR' },
  { long: 'cgroup-props', kind: 'string', value: 'SPEC', of: ['dump'], text: 'which files of cgroups are kept' },
  { long: 'cgroup-props-file', kind: 'string', value: 'FILE', of: ['dump'], text: 'the same, read from FILE' },
  { long: 'cgroup-dump-controller', kind: 'list', value: 'NAME', of: ['dump'], text: 'only the hierarchy of this controller' },
  { long: 'cgroup-yard', kind: 'string', value: 'DIR', of: BOTH, text: 'where all cgroup hierarchies are mounted (a relative path begins in the work directory)' },
  { long: 'close', kind: 'number', value: 'FD', of: BOTH, text: 'close a descriptor of ours first' },
] as const satisfies readonly OptionSpec[];

const logging = [
  { long: 'log-file', short: 'o', kind: 'string', value: 'FILE', of: EVERY, text: 'write the log to FILE in the work directory; - is stdout (default: stderr)' },
  { long: 'verbosity', short: 'v', kind: 'verbosity', value: 'N', optionalValue: true, of: EVERY, text: '1 errors, 2 warnings (default), 3 information and times, 4 all, 5 every remote system call; -vv adds 2' },
  { long: 'display-stats', kind: 'flag', negatable: true, of: BOTH, text: 'print statistics at the end' },
  { long: 'json', kind: 'flag', of: EVERY, ours: true, text: 'print the result as one JSON object on stdout' },
  { long: 'log-json', kind: 'flag', of: EVERY, ours: true, text: 'write the log as JSON, an event a line' },
  { long: 'config', kind: 'string', value: 'FILE', of: EVERY, text: 'read options from FILE instead of the default files' },
  { long: 'no-default-config', kind: 'flag', of: EVERY, text: 'do not read /etc/criu/default.conf and ~/.criu/default.conf' },
  { long: 'help', short: 'h', kind: 'flag', of: EVERY, text: 'show this text' },
  { long: 'version', short: 'V', kind: 'flag', of: EVERY, text: 'show the version' },
] as const satisfies readonly OptionSpec[];

const checking = [
  { long: 'extra', kind: 'flag', negatable: true, of: ['check'], text: 'look at what special processes need, too' },
  { long: 'experimental', kind: 'flag', negatable: true, of: ['check'], text: 'look at what CRIU calls experimental, too' },
  { long: 'all', kind: 'flag', of: ['check'], text: 'look at everything' },
  { long: 'feature', kind: 'string', value: 'FEATURE', of: ['check'], text: 'look at one feature only; list: print the names' },
] as const satisfies readonly OptionSpec[];

/** Titles for the help, in its order. */
export const optionGroups: readonly { readonly title: string; readonly rows: readonly OptionSpec[] }[] = [
  { title: 'Generic', rows: generic },
  { title: 'Resources', rows: resources },
  { title: 'Features', rows: checking },
  { title: 'Logging and configuration', rows: logging },
];

/** What most runs are asked for. */
export const usualOptions = [...generic, ...resources, ...checking, ...logging] as const;

export type Values = ValuesOf<readonly [...typeof usualOptions, ...typeof rareOptions.ignored, ...typeof rareOptions.refused]>;
