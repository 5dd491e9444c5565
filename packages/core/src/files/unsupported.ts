// Why some files can't be dumped, and what to do about it: told for those that no kind recognises.
import { Unsupported } from '../errors.js';
import type { InspectedFile } from '../resources/file-kind.js';

interface Refusal {
  readonly matches: (file: InspectedFile) => boolean;
  readonly what: (file: InspectedFile) => string;
  readonly why?: string;
  readonly hint?: string;
}

const anon =
  (name: string) =>
  ({ link }: InspectedFile): boolean =>
    link === `anon_inode:[${name}]` || link === `anon_inode:${name}`;

const shown = ({ link }: InspectedFile): string => `${link} is not supported`;

const REFUSALS: readonly Refusal[] = [
  { matches: anon('io_uring'), what: shown, why: "the kernel offers no way to read back an io_uring's registered buffers", hint: 'start the program with io_uring turned off' },
  { matches: anon('perf_event'), what: shown, why: 'the state of performance counters can not be read back', hint: 'stop profiling before the dump' },
  { matches: anon('userfaultfd'), what: shown, why: 'its registrations can not be read back', hint: 'turn off what uses it in the program (such as post-copy of a hypervisor, or a garbage collector), or dump it when that is done' },
  { matches: anon('kvm-vm'), what: shown, why: 'a virtual machine lives in the kernel', hint: "use the hypervisor's own snapshots" },
  { matches: ({ link }) => link.startsWith('anon_inode:'), what: shown, why: 'this kind of file is not known to criu-ts' },
  { matches: ({ link }) => link.startsWith('/dev/kvm'), what: shown, why: 'a virtual machine lives in the kernel', hint: "use the hypervisor's own snapshots" },
  { matches: ({ link }) => /^(net|mnt|pid|user|uts|ipc|cgroup|time)(_for_children)?:\[/.test(link), what: ({ link }) => `the namespace file ${link} is not supported yet`, hint: 'close it before the dump' },
  { matches: ({ link }) => link.startsWith('pidfd:'), what: () => 'a pidfd is not supported yet' },
];

export function refusal(file: InspectedFile): Unsupported {
  const found = REFUSALS.find(({ matches }) => matches(file));
  if (found === undefined) return new Unsupported('file', `${file.link} (mode 0${file.stat.mode.toString(8)}) is not supported`);
  const { what, why, hint } = found;
  return new Unsupported('file', what(file), { ...(why !== undefined && { why }), ...(hint !== undefined && { hint }) });
}
