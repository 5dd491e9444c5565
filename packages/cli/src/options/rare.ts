// Options of CRIU's that need no effect, or that we can't follow yet. Few runs ask for them.
import type { OptionSpec } from './spec.js';

const NO_MOUNTS = 'a tree with its own mount namespace is refused by itself';
const NO_TCP = 'a tree with TCP connections is refused by itself';

/** Accepted without an effect: the plain behaviour already is what they ask for, or what they qualify is refused by itself. */
const ignored = [
  { long: 'log-pid', kind: 'flag', negatable: true, of: [], text: '', ignored: 'one process does all the work, so there is one log' },
  { long: 'deprecated', kind: 'flag', negatable: true, of: [], text: '', ignored: 'nothing here is deprecated' },
  { long: 'libdir', short: 'L', kind: 'string', value: 'DIR', of: [], text: '', ignored: 'there are no plugins' },
  { long: 'force-irmap', kind: 'flag', negatable: true, of: [], text: '', ignored: 'watches of files are refused by themselves' },
  { long: 'irmap-scan-path', kind: 'list', value: 'DIR', of: [], text: '', ignored: 'watches of files are refused by themselves' },
  { long: 'auto-dedup', kind: 'flag', negatable: true, of: [], text: '', ignored: 'there is no previous dump to deduplicate' },
  { long: 'enable-external-sharing', kind: 'flag', of: [], text: '', ignored: NO_MOUNTS },
  { long: 'enable-external-masters', kind: 'flag', of: [], text: '', ignored: NO_MOUNTS },
  { long: 'enable-fs', kind: 'list', value: 'FS', of: [], text: '', ignored: NO_MOUNTS },
  { long: 'ext-mount-map', short: 'M', kind: 'list', value: 'KEY:VAL', of: [], text: '', ignored: NO_MOUNTS },
  { long: 'skip-mnt', kind: 'list', value: 'PATH', of: [], text: '', ignored: NO_MOUNTS },
  { long: 'mntns-compat-mode', kind: 'flag', negatable: true, of: [], text: '', ignored: NO_MOUNTS },
  { long: 'weak-sysctls', kind: 'flag', negatable: true, of: [], text: '', ignored: 'sysctls are left as they are' },
  { long: 'tcp-close', kind: 'flag', negatable: true, of: [], text: '', ignored: NO_TCP },
  { long: 'skip-in-flight', kind: 'flag', negatable: true, of: [], text: '', ignored: NO_TCP },
  { long: 'network-lock', kind: 'string', value: 'METHOD', of: [], text: '', ignored: NO_TCP },
  { long: 'unprivileged', kind: 'flag', negatable: true, of: [], text: '', ignored: 'what the capabilities do not allow is refused by itself' },
  { long: 'ghost-fiemap', kind: 'flag', negatable: true, of: [], text: '', ignored: 'holes of unlinked files are found anyway' },
  { long: 'allow-uprobes', kind: 'flag', negatable: true, of: [], text: '', ignored: 'a uprobes mapping is refused by itself' },
  { long: 'pre-dump-mode', kind: 'string', value: 'MODE', of: [], text: '', ignored: 'pre-dump is refused by itself' },
] as const satisfies readonly OptionSpec[];

const NO_REMOTE = 'pages go to the images directory only';
const NO_NAMESPACES = 'network and mount namespaces of the tree can not be restored yet';

const refused = [
  { long: 'prev-images-dir', kind: 'string', value: 'DIR', of: [], text: '', refused: { why: 'incremental dumps are not there yet' } },
  { long: 'track-mem', kind: 'flag', negatable: true, of: [], text: '', refused: { why: 'incremental dumps are not there yet' } },
  { long: 'page-server', kind: 'flag', negatable: true, of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'address', kind: 'string', value: 'ADDR', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'port', kind: 'number', value: 'PORT', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'ps-socket', kind: 'number', value: 'FD', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'status-fd', kind: 'number', value: 'FD', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'tls', kind: 'flag', negatable: true, of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'tls-cacert', kind: 'string', value: 'FILE', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'tls-cacrl', kind: 'string', value: 'FILE', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'tls-cert', kind: 'string', value: 'FILE', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'tls-key', kind: 'string', value: 'FILE', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'tls-no-cn-verify', kind: 'flag', of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'stream', kind: 'flag', negatable: true, of: [], text: '', refused: { why: NO_REMOTE } },
  { long: 'lazy-pages', kind: 'flag', of: [], text: '', refused: { why: 'memory is filled before the processes run, always' } },
  { long: 'empty-ns', kind: 'list', value: 'NS', of: [], text: '', refused: { why: NO_NAMESPACES } },
  { long: 'veth-pair', kind: 'list', value: 'IN=OUT', of: [], text: '', refused: { why: NO_NAMESPACES } },
  { long: 'lsm-profile', kind: 'string', value: 'TYPE:NAME', of: [], text: '', refused: { why: 'security labels are not set yet' } },
  { long: 'lsm-mount-context', kind: 'string', value: 'CTX', of: [], text: '', refused: { why: NO_NAMESPACES } },
  { long: 'cpu-cap', kind: 'string', value: 'CAP', optionalValue: true, of: [], text: '', refused: { why: 'the CPU is always compared in full', unless: ['all', 'ins', 'cpu', 'fpu'] } },
  { long: 'file-validation', kind: 'string', value: 'METHOD', of: [], text: '', refused: { why: 'build ids of files are not compared yet', unless: ['filesize'] } },
  { long: 'skip-file-rwx-check', kind: 'flag', negatable: true, of: [], text: '', refused: { why: 'the modes of files are always compared' } },
  { long: 'ms', kind: 'flag', of: [], text: '', refused: { why: 'CRIU itself refuses it since 2.0' } },
] as const satisfies readonly OptionSpec[];

export const rareOptions = { ignored, refused };
