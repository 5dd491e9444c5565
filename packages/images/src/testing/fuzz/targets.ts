import { gunzipSync, gzipSync } from 'node:zlib';
import { openLz4, plainPagemapCodec, threadMemory } from '@criu-ts/wasm';
import { openCheckpoint } from '../../checkpoint/open.js';
import { coreOf } from '../../core-file/core-file.js';
import { diffCheckpoints } from '../../diff/diff.js';
import { diffText } from '../../diff/text.js';
import { DiscardingDirectory } from '../../edit/discard.js';
import { editInto } from '../../edit/edit.js';
import { fd_types } from '../../gen/index.js';
import { IMAGE_TYPES, RAW_IMAGE_TYPES, imageTypeOfName } from '../../image-types.js';
import { ImageWriter } from '../../image-writer.js';
import { MemoryDirectory, MemorySink, MemorySource } from '../../io/directory.js';
import { imageFromText, imageInfo, imageToJson, imageToText } from '../../json/image-json.js';
import { parseJson, writeJson } from '../../json/json-text.js';
import { isRaw } from '../../layout.js';
import type { EntryPart, ImageType } from '../../layout.js';
import { VMA } from '../../memory/vma-bits.js';
import { compressPages } from '../../pages/compress.js';
import { checksumOf } from '../../pages/format.js';
import { openPages } from '../../pages/page-reader.js';
import { decodePagemap } from '../../pagemap/pagemap.js';
import { htmlOf } from '../../report/html.js';
import { reportOf } from '../../report/report.js';
import { textOf } from '../../report/text.js';
import { searchCheckpoint, stringsIn } from '../../search/search.js';
import { policyOf } from '../../verify/policy.js';
import { verifyCheckpoint } from '../../verify/verify.js';
import { Random } from '../random.js';
import { randomMessage } from '../random-message.js';
import { PAGE, page, pages, tinySet, vma } from '../tiny-set.js';
import { oddMembers, tarOf, zstdOf } from './archives.js';
import { deepWire, mutateBytes, mutateText, oddWire } from './mutate.js';
import { oddNetlink } from './netlink.js';

/** Something that reads what may be hostile. `run` may end in an error of these kinds only. */
export interface Target {
  readonly name: string;
  /** how often, of all inputs together */
  readonly weight: number;
  run(random: Random): void | Promise<void>;
}

const TYPED = new Set(['image-corrupt', 'json-invalid', 'memory-unavailable', 'no-core', 'edit-unmatched', 'edit-refused', 'edit-conflict', 'edit-damaged']);

export const isTyped = (error: unknown): boolean => error instanceof Error && 'code' in error && TYPED.has(error.code as string);

/** true where it worked, false where it ended in an error that it may end in. */
function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!isTyped(error)) throw error;
    return false;
  }
}

async function attemptAll(...all: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const work of all) {
    try {
      await work();
    } catch (error) {
      if (!isTyped(error)) throw error;
    }
  }
}

const KINDS = Object.values(IMAGE_TYPES).filter((type): type is ImageType<never> => !isRaw(type)) as ImageType<unknown>[];
const PAYLOADS: Readonly<Record<string, (random: Random) => unknown>> = {
  bytes: (random) => random.bytes(random.below(100)),
  u16s: (random) => Array.from({ length: random.below(9) }, () => random.below(0x10000)),
  queues: (random) => ({ inq: random.bytes(random.below(20)), outq: random.bytes(random.below(20)) }),
  messages: () => [],
};

function put32(sink: MemorySink, word: number, isBig: boolean): void {
  const bytes = Uint8Array.of(word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, word >>> 24);
  sink.write(isBig ? bytes.reverse() : bytes);
}

/** An image whose messages may be odd, with a payload that mostly does not fit. */
export function oddImage(type: ImageType<unknown>, random: Random): Uint8Array {
  const sink = new MemorySink('x');
  const isBig = random.once(8);
  for (const word of type.words) put32(sink, word, isBig);
  let part: EntryPart = type.layout.first ?? type.layout.rest;
  for (let left = random.below(4); left >= 0; left--) {
    const bytes = random.once(3) ? part.message.encode(randomMessage(part.message, random)) : ((random.once(10) ? deepWire(part.message, random) : undefined) ?? oddWire(part.message, random));
    put32(sink, random.once(50) ? random.word() : bytes.length, isBig);
    for (let again = random.once(100) ? random.below(600) : 1; again > 0; again--) sink.write(bytes);
    const payload = part.payload && PAYLOADS[part.payload.shape]!(random);
    if (payload instanceof Uint8Array) sink.write(payload);
    part = type.layout.rest;
  }
  const bytes = sink.bytes();
  return random.once(2) ? mutateBytes(bytes, random) : bytes;
}

/** Both ways, in all forms; what is shown in one form comes back, or is refused. */
function decodeImage(bytes: Uint8Array, name: string): void {
  const source = (): MemorySource => new MemorySource(name, bytes);
  let text = '';
  const isShown = attempt(() => {
    for (const piece of imageToText(source())) text += piece;
  });
  attempt(() => void [...imageToText(source(), { pretty: true }, 4)]);
  attempt(() => void [...imageToText(source(), { pretty: true, noPayload: true }, 4)]);
  attempt(() => void imageInfo(source()));
  if (!isShown) return;
  attempt(() => void imageFromText(new MemorySource('json', Buffer.from(text))));
}

const RAW_KINDS = Object.values(RAW_IMAGE_TYPES).filter(({ holds }) => holds !== 'pages');
function raws(random: Random): void {
  const type = random.of(RAW_KINDS);
  const name = type.pattern.replace('%u', '1');
  let bytes: Uint8Array = Buffer.from('*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n');
  if (type.holds === 'tar.gz') bytes = gzipSync(tarOf(oddMembers([{ name: 'a', bytes: random.bytes(50) }, { name: 'b', type: '5' }], random)), { level: 1 });
  else if (type.holds !== 'text') bytes = oddNetlink(random);
  if (random.once(2)) bytes = mutateBytes(bytes, random);
  const unpack = (packed: Uint8Array): Uint8Array | undefined => {
    try {
      return gunzipSync(packed, { maxOutputLength: 2 ** 22 });
    } catch {
      return undefined;
    }
  };
  let text = '';
  const isShown = attempt(() => void (text = [...imageToText(new MemorySource(name, bytes), { gunzip: unpack, pretty: random.once(2) })].join('')));
  if (!isShown) return;
  attempt(() => {
    const back = Buffer.concat(imageFromText(new MemorySource('json', Buffer.from(text))));
    if (!back.equals(bytes)) throw new Error(`${name} does not come back`);
  });
  attempt(() => void imageFromText(new MemorySource('json', Buffer.from(mutateText(text, random)))));
}

const EDITS = [
  { edit: 'env', name: 'A', value: '' },
  { edit: 'path', from: '/bin', to: '/usr/bin' },
  { edit: 'uid', from: 1000, to: 7 },
  { edit: 'redact', pattern: 'abc' },
  { edit: 'redact', pattern: /ab+c/ },
  { edit: 'hostname', name: 'x' },
  { edit: 'port', from: 80, to: 81 },
] as const;

/** Entries enough for the quick way: it must say what the general way says. */
function bothWays(random: Random): void {
  const type = random.of(KINDS.filter(({ layout }) => layout.rest.payload === undefined && layout.first?.payload === undefined));
  const sink = new MemorySink('x');
  const writer = new ImageWriter(type, sink);
  if (type.layout.first !== undefined) writer.write(randomMessage(type.layout.first.message, random));
  const entries = Array.from({ length: 8 }, () => randomMessage(type.layout.rest.message, random));
  while (sink.size < 20_000) {
    for (const entry of entries) writer.write(entry);
    writer.flush();
  }
  const bytes = random.once(3) ? sink.bytes() : mutateBytes(sink.bytes(), random);
  const outcome = (work: () => string): string => {
    try {
      return work();
    } catch (error) {
      if (!isTyped(error)) throw error;
      return (error as Error).message;
    }
  };
  const quick = outcome(() => [...imageToText(new MemorySource('x.img', bytes))].join(''));
  const general = outcome(() => writeJson(imageToJson(new MemorySource('x.img', bytes))));
  if (quick !== general) {
    const at = [...quick].findIndex((character, i) => character !== general[i]);
    throw new Error(`${type.kind}: the quick way says something else: ${quick.slice(Math.max(0, at - 80), at + 80)} instead of ${general.slice(Math.max(0, at - 80), at + 80)}`);
  }
  attempt(() => void imageFromText(new MemorySource('json', Buffer.from(random.once(2) ? mutateText(quick, random) : quick))));
}

const ROWS: [number, number, number][] = [[0, 30, 4], [40, 10, 4]];
const contents = pages(...Array.from({ length: 40 }, (_, i) => page('a').map((byte, j) => byte + ((i * 7 + (j >> 3)) % 20))));
const fds = [{ fd: 0, id: 1, type: fd_types.REG }, { fd: 1, id: 2, type: fd_types.REG }];
const args = { mmArgStart: 0x10_0000n, mmArgEnd: 0x10_0020n, mmEnvStart: 0x10_0020n, mmEnvEnd: 0x10_0040n };
const base = tinySet([{ pid: 10, vmas: [vma(0, 50, VMA.anonPrivate), vma(60, 4, VMA.filePrivate, { shmid: 1n })], rows: ROWS, contents, fds, mm: args, threads: [12] }, { pid: 11, ppid: 10, vmas: [vma(0, 2, VMA.anonPrivate)], rows: [[0, 2, 4]], contents: pages(page('x'), page('y')) }]);
const names = base.list();
const packedSets = new Map<string, MemoryDirectory>();

/** The set with its pages in another form. */
async function packed(options: { compress?: 'lz4'; checksum?: boolean }): Promise<MemoryDirectory> {
  const key = JSON.stringify(options);
  const known = packedSets.get(key);
  if (known !== undefined) return new MemoryDirectory(known.files);
  const set = new MemoryDirectory(base.files);
  await compressPages(set, 10, options);
  packedSets.set(key, set);
  return new MemoryDirectory(set.files);
}

const randomPacking = (random: Random): Promise<MemoryDirectory> => packed(random.of([{ compress: 'lz4' }, { compress: 'lz4', checksum: true }, { checksum: true }]));

/** Where a table's own checksum is made to fit, what is behind it is read, too. */
function fixed(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length < 50) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (name.endsWith('.crc')) view.setUint32(bytes.length - 4, checksumOf(bytes.subarray(0, -4)), true);
  else {
    const blocks = Math.ceil(Number(view.getBigUint64(16, true)) / 65_536);
    const tableAt = bytes.length - 12 - blocks * 8;
    if (tableAt >= 32) view.setUint32(bytes.length - 4, checksumOf(bytes.subarray(0, 32), bytes.subarray(tableAt, -4)), true);
  }
  return bytes;
}

async function pagesFormats(random: Random): Promise<void> {
  const set = await randomPacking(random);
  const name = random.of([...set.files.keys()].filter((file) => /^pages-10\./.test(file)));
  const mutated = mutateBytes(set.files.get(name)!, random);
  set.files.set(name, /lz4|crc/.test(name) && random.once(2) ? fixed(mutated, name) : mutated);
  attempt(() => {
    using reader = openPages(set, 10);
    const target = new Uint8Array(Math.min(reader.size, 200_000));
    reader.readInto(target, 0);
    reader.readInto(target.subarray(0, 100), Math.max(0, reader.size - 100));
  });
}

function lz4(random: Random): void {
  const memory = threadMemory();
  const length = random.below(300);
  const room = random.below(2000);
  using source = memory.allocate(length);
  using target = memory.allocate(room + 64);
  source.bytes().set(random.once(2) ? random.bytes(length) : Uint8Array.from({ length }, () => random.of([0, 1, 0x0f, 0x10, 0xf0, 0xff])));
  target.bytes().fill(0xa5);
  openLz4(memory).decompress(source, 0, length, target, 0, room);
  // Steps of 16 bytes may touch what lies right behind; nothing beyond.
  if (target.bytes(room + 32).some((byte) => byte !== 0xa5)) throw new Error('LZ4 wrote beyond its target');
}

function pagemaps(random: Random): void {
  const bytes = oddImage(IMAGE_TYPES.pagemap as ImageType<unknown>, random);
  const read = (): string => {
    const { pagesId, vaddr, nrPages, flags } = decodePagemap('pagemap-1.img', bytes);
    return `${pagesId} ${vaddr.join()} ${nrPages.join()} ${flags.join()}`;
  };
  attempt(() => void read());
  const rows = random.bytes(random.below(100));
  plainPagemapCodec.decode(rows);
}

async function lookAt(set: MemoryDirectory | Uint8Array, random: Random): Promise<void> {
  let opened;
  try {
    opened = await openCheckpoint(set);
  } catch (error) {
    if (!isTyped(error)) throw error;
    return;
  }
  using checkpoint = opened;
  const all: (() => Promise<unknown>)[] = [
    async () => {
      const report = await reportOf(checkpoint);
      textOf(report, { all: true });
      if (random.once(4)) await htmlOf(report);
    },
    () => verifyCheckpoint(checkpoint),
    async () => {
      using other = await openCheckpoint(new MemoryDirectory(base.files));
      diffText(await diffCheckpoints(other, checkpoint), true);
    },
    async () => {
      for await (const match of searchCheckpoint(checkpoint, random.once(2) ? 'abc' : /ab+c/)) if (match.pid < 0) return;
    },
    async () => {
      for (const process of await checkpoint.processes()) {
        await attemptAll(
          () => process.args(),
          () => process.environment(),
          () => process.descriptors(),
          async () => {
            let length = 0;
            for await (const piece of coreOf(process)) if ((length += piece.length) > 2 ** 24) break;
          },
          async () => {
            const memory = await process.memory();
            await memory.read(0x10_0000n, 3 * PAGE);
            for await (const text of stringsIn(memory, 8)) if (text.address < 0n) break;
          },
        );
      }
    },
    async () => {
      // Kept of the copy are sizes: it may be as large as what an archive unpacks to, and that is the caller's room, not the editor's.
      await editInto(checkpoint, new DiscardingDirectory(), [random.of(EDITS)], { unmatched: 'report', incomplete: 'report', dryRun: true });
    },
    () => checkpoint.sockets(),
    () => checkpoint.mounts(),
    () => checkpoint.namespaces(),
    () => checkpoint.cgroups(),
    () => checkpoint.container(),
    () => checkpoint.statistics(),
  ];
  await attemptAll(random.of(all), random.of(all));
}

async function sets(random: Random): Promise<void> {
  const set = random.once(4) ? await randomPacking(random) : new MemoryDirectory(base.files);
  for (let left = 1 + random.below(2); left > 0; left--) {
    const name = random.of(names);
    const known = imageTypeOfName(name)?.type;
    const bytes = set.files.get(name);
    if (bytes === undefined) continue;
    if (random.once(12)) set.files.delete(name);
    else set.files.set(name, known !== undefined && !isRaw(known) && random.once(4) ? oddImage(known, random) : mutateBytes(bytes, random));
  }
  if (random.once(3)) {
    // A file that the others didn't ask for: images of all kinds lie in a set.
    const type = random.of(KINDS);
    set.files.set(type.pattern.replace(/%l?[udx]/, random.of(['10', '11', '1', 'ffffffff', '18446744073709551615'])), oddImage(type, random));
  }
  await lookAt(set, random);
}

const members = names.map((name) => ({ name, bytes: base.files.get(name)! }));
const container = [...members.map(({ name, bytes }) => ({ name: `checkpoint/${name}`, bytes })), { name: 'config.dump', bytes: Buffer.from('{"id": "x", "name": "y", "checkpointedTime": "2026"}') }, { name: 'spec.dump', bytes: Buffer.from('{"annotations": {"io.container.manager": "libpod"}}') }];

async function archives(random: Random): Promise<void> {
  let bytes = tarOf(random.once(5) ? members : oddMembers(random.once(3) ? container : members, random));
  if (random.once(3)) bytes = mutateBytes(bytes, random);
  const packing = random.below(3);
  if (packing === 1) bytes = gzipSync(bytes, { level: 1 });
  if (packing === 2) bytes = zstdOf(bytes, random);
  if (packing > 0 && random.once(2)) bytes = mutateBytes(bytes, random);
  await lookAt(bytes, random);
}

const ZEROS = 2 ** 22;
/** A member of a gzip stream (RFC 1952, 2.2) that is 4 MiB of zeros. */
const packedZeros = gzipSync(Buffer.alloc(ZEROS), { level: 1 });

/** Small packed streams that unpack to much. */
async function bombs(random: Random): Promise<void> {
  const times = random.once(30) ? random.below(40) : random.below(3);
  const size = random.of([times * ZEROS, 2 ** 33 - 1, 100_000, 0]);
  const header = tarOf([{ name: random.of(['a', 'inventory.img', 'blobs/sha256/a', 'x.tar.gz']), size }]).subarray(0, 512);
  await lookAt(random.once(2) ? Buffer.concat([gzipSync(header), ...Array.from({ length: times }, () => packedZeros)]) : zstdOf(header, random), random);
}

function texts(random: Random): void {
  const type = random.of(KINDS);
  let text = '';
  if (!attempt(() => void (text = writeJson(imageToJson(new MemorySource('x.img', oddImage(type, random)), { pretty: random.once(2) }), random.once(2) ? 4 : undefined)))) text = `{"magic": "${type.kind}", "entries": [{}]}`;
  attempt(() => void imageFromText(new MemorySource('json', Buffer.from(mutateText(text, random)))));
}

const POLICY = '{"uids": [0, 1000], "allowRoot": false, "capabilities": ["chown"], "executables": ["/usr/**"], "paths": ["/var/*/x"]}';
const policies = (random: Random): void => void attempt(() => void policyOf(parseJson(mutateText(POLICY, random))));

export const TARGETS: readonly Target[] = [
  { name: 'image', weight: 40, run: (random) => decodeImage(oddImage(random.of(KINDS), random), random.once(20) ? random.of(['netdev-1.img', 'iptables-1.img', 'x']) : 'x.img') },
  { name: 'raw', weight: 8, run: raws },
  { name: 'json', weight: 9, run: texts },
  { name: 'pagemap', weight: 10, run: pagemaps },
  { name: 'lz4', weight: 10, run: lz4 },
  { name: 'pages', weight: 7, run: pagesFormats },
  { name: 'set', weight: 8, run: sets },
  { name: 'archive', weight: 4.5, run: archives },
  { name: 'policy', weight: 2, run: policies },
  { name: 'quick', weight: 1, run: bothWays },
  { name: 'bomb', weight: 0.5, run: bombs },
];

/** Input number `index` of a seed: which target, and its random choices. */
export function inputOf(seed: number, index: number): { readonly target: Target; readonly random: Random } {
  const random = new Random(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(index + 1, 0x85eb_ca6b));
  let at = (random.word() / 2 ** 32) * TARGETS.reduce((sum, { weight }) => sum + weight, 0);
  for (const target of TARGETS) {
    at -= target.weight;
    if (at < 0) return { target, random };
  }
  return { target: TARGETS[0]!, random };
}
