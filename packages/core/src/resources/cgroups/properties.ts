// Which files of a cgroup are kept: CRIU's tables, and the words by which users change them (criu(8), --cgroup-props).
import { Unsupported } from '../../errors.js';
import type { CgroupOptions } from './options.js';

/** File names by controller, in the order in which they are written back. */
export type PropertyTable = ReadonlyMap<string, readonly string[]>;

/** cgroup v1, kernel's Documentation/admin-guide/cgroup-v1. A limit of memory comes before that of memory with swap. */
const BUILT_IN: PropertyTable = new Map([
  ['cpu', ['cpu.shares', 'cpu.cfs_period_us', 'cpu.cfs_quota_us', 'cpu.rt_period_us', 'cpu.rt_runtime_us']],
  [
    'memory',
    [
      'memory.limit_in_bytes',
      'memory.memsw.limit_in_bytes',
      'memory.swappiness',
      'memory.soft_limit_in_bytes',
      'memory.move_charge_at_immigrate',
      'memory.oom_control',
      'memory.use_hierarchy',
      'memory.kmem.limit_in_bytes',
      'memory.kmem.tcp.limit_in_bytes',
    ],
  ],
  [
    'cpuset',
    [
      'cpuset.cpus',
      'cpuset.mems',
      'cpuset.memory_migrate',
      'cpuset.cpu_exclusive',
      'cpuset.mem_exclusive',
      'cpuset.mem_hardwall',
      'cpuset.memory_spread_page',
      'cpuset.memory_spread_slab',
      'cpuset.sched_load_balance',
      'cpuset.sched_relax_domain_level',
    ],
  ],
  ['blkio', ['blkio.weight']],
  ['freezer', []],
  ['perf_event', []],
  ['net_cls', ['net_cls.classid']],
  ['net_prio', ['net_prio.ifpriomap']],
  ['pids', ['pids.max']],
  ['devices', ['devices.list']],
]);

/** Every cgroup of a v1 hierarchy has these, and every one of v2 those. */
export const COMMON_V1: readonly string[] = ['cgroup.clone_children', 'notify_on_release', 'cgroup.procs', 'tasks'];
export const COMMON_V2: readonly string[] = ['cgroup.subtree_control', 'cgroup.max.descendants', 'cgroup.max.depth', 'cgroup.freeze', 'cgroup.type'];

/** Only who owns them is kept: what they say are the members. */
export const MEMBERS: ReadonlySet<string> = new Set(['cgroup.procs', 'tasks']);

/** Written as soon as the cgroup is made: refused, or of no use, once there are members or children. */
export const AT_BIRTH: ReadonlySet<string> = new Set([
  'cpuset.cpus',
  'cpuset.mems',
  'devices.list',
  'memory.kmem.limit_in_bytes',
  'memory.swappiness',
  'memory.oom_control',
  'memory.use_hierarchy',
  'cgroup.type',
]);

/** The built-in table as the options change it. @throws Unsupported where the text of one is not understood */
export function propertyTable({ cgroupProps = [] }: CgroupOptions): PropertyTable {
  const table = new Map(BUILT_IN);
  for (const text of cgroupProps) {
    for (const { controller, strategy, properties } of parseProperties(text)) {
      table.set(controller, strategy === 'merge' ? [...(table.get(controller) ?? []), ...properties] : properties);
    }
  }
  return table;
}

interface PropertyRule {
  readonly controller: string;
  readonly strategy: string;
  readonly properties: readonly string[];
}

/** `"cpu": - "strategy": "merge" - "properties": ["cpu.shares", …]`, as often as one likes; blanks and newlines don't matter. */
export function parseProperties(text: string): PropertyRule[] {
  const rule = /\s*"([^"]*)"\s*:\s*-\s*"strategy"\s*:\s*"(merge|replace)"\s*-\s*"properties"\s*:\s*\[((?:\s*"[^"]*"\s*,?)*)\s*\]/y;
  const rules: PropertyRule[] = [];
  for (let at = 0; text.slice(at).trim() !== ''; at = rule.lastIndex) {
    rule.lastIndex = at;
    const [, controller, strategy, names] = rule.exec(text) ?? [];
    if (controller === undefined || strategy === undefined || names === undefined) {
      throw new Unsupported('option', `the properties of cgroups are not understood from ${JSON.stringify(text.slice(at).trim().slice(0, 40))} on`, { hint: 'write "cpu": - "strategy": "merge" - "properties": ["cpu.shares"]' });
    }
    rules.push({ controller, strategy, properties: [...names.matchAll(/"([^"]*)"/g)].map(([, name]) => name as string) });
  }
  return rules;
}
