/** JSON Schema (2020-12) of what `inspect --json` prints. Nothing that is not described here is ever there. */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const whole: Schema = { type: 'integer' };
const bytes: Schema = { type: 'integer', minimum: 0, description: 'bytes' };
const hex: Schema = { type: 'string', pattern: '^[0-9a-f]+$', description: 'an address, hexadecimal' };
const listOf = (items: Schema): Schema => ({ type: 'array', items });
const numbers: Schema = { type: 'object', additionalProperties: { type: 'number' } };

/** All properties are required but those in `optional`. */
const object = (properties: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>> = {}): Schema => ({
  type: 'object',
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
  additionalProperties: false,
});

const kind: Schema = { enum: ['code', 'file', 'heap', 'stack', 'anonymous', 'shared', 'sysv', 'memfd', 'kernel', 'socket', 'aio'] };

const process = object(
  {
    pid: whole,
    ppid: whole,
    pgid: whole,
    sid: whole,
    name: text,
    state: text,
    threads: listOf(object({ tid: whole, name: text, policy: text, nice: whole })),
    descriptors: listOf(object({ fd: whole, kind: text, name: text, flags: text, closeOnExec: flag })),
    memory: object({
      mapped: bytes,
      dumped: { ...bytes, description: 'bytes in these images' },
      inherited: { ...bytes, description: 'bytes in the images of parents' },
      kinds: listOf(object({ kind, count: whole, mapped: bytes, dumped: bytes })),
      regions: listOf(object({ start: hex, end: hex, kind, rights: text, name: text, offset: bytes, dumped: bytes, inherited: bytes })),
    }),
    timers: listOf(object({ name: text, text })),
    signals: object({ handled: listOf(text), blocked: listOf(text) }),
  },
  {
    command: { ...listOf(text), description: 'argv as it lies in memory' },
    executable: text,
    workingDirectory: text,
    root: text,
    sharesMemoryWith: { ...whole, description: 'pid of the process whose memory it is (CLONE_VM)' },
    environment: { ...listOf(text), description: 'names of the variables; NAME=value with --env' },
    credentials: object({ uid: whole, gid: whole, groups: listOf(whole), capabilities: listOf(text), noNewPrivileges: flag }),
  },
);

const network = object({
  namespace: whole,
  devices: listOf(object({ index: whole, name: text, kind: text, mtu: whole, up: flag, hardware: text, addresses: listOf(text) })),
  routes: listOf(text),
  rules: listOf(text),
  firewall: listOf(object({ kind: { enum: ['iptables', 'ip6tables', 'nftables'] }, lines: listOf(text) })),
  connections: { ...listOf(text), description: 'of conntrack' },
});

const container = object(
  {
    networks: listOf(object({ network: text, interface: text }, { address: text, gateway: text, hardware: text })),
    deletedFiles: listOf(text),
    annotations: { type: 'object', additionalProperties: text },
  },
  { name: text, id: text, image: text, runtime: text, engine: text, createdAt: text, checkpointedAt: text, pod: text, namespace: text, rootfsDiff: bytes },
);

const host = {
  ...object({ possible: flag, problems: listOf(object({ severity: { enum: ['obstacle', 'warning'] }, code: text, message: text }, { why: text, hint: text })) }),
  description: 'whether this host can restore it; with --host',
};

export const INSPECT_SCHEMA: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'A checkpoint, as criu-images inspect --json tells it',
  ...object(
    {
      version: { const: 1 },
      name: text,
      architecture: text,
      imageVersion: whole,
      sets: { ...whole, description: 'image sets in the chain of parents' },
      totals: object({ processes: whole, threads: whole, descriptors: whole, mapped: bytes, dumped: bytes, inherited: bytes, stored: bytes }),
      processes: listOf(process),
      sockets: listOf(object({ inode: whole, family: text, type: text, protocol: text, state: text, local: text, remote: text, owners: listOf(object({ pid: whole, fd: whole })) }, { receiveQueue: bytes, sendQueue: bytes, receiveBuffer: bytes, sendBuffer: bytes })),
      mounts: listOf(object({ namespace: whole, mountpoint: text, type: text, source: text, root: text, external: flag })),
      namespaces: listOf(object({ kind: text, ids: listOf(whole), dumped: flag })),
      networks: listOf(network),
      archives: listOf(object({ file: text, members: listOf(object({ path: text, kind: text, size: bytes, mode: text, uid: whole, gid: whole, mtime: { ...whole, description: 'seconds since 1970' } }, { target: text })) })),
      cgroups: listOf(object({ set: whole, controller: text, path: text })),
      statistics: object({}, { dump: { ...numbers, description: 'times in microseconds, pages' }, restore: numbers }),
      files: listOf(object({ name: text, size: bytes })),
      problems: { ...listOf(text), description: 'what could not be told, and why' },
    },
    { uptime: { type: 'number', description: 'seconds the machine had been up when it was dumped' }, dumpedAt: { ...text, format: 'date-time' }, kernel: { ...text, description: 'version of the kernel that it was dumped on' }, container, host },
  ),
};
