import { imageFromJson, imageToJson, type JsonObject, type JsonValue, MemorySink, MemorySource } from '@criu-ts/images';
import type { Random } from './random.js';

/** The files of an image set, by name. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** What becomes of some of them; undefined: it is missing. */
export interface Mutation {
  readonly what: string;
  readonly changes: ReadonlyMap<string, Uint8Array | undefined>;
}

interface Mutator {
  readonly name: string;
  /** Of a hundred. */
  readonly weight: number;
  /** undefined: nothing to do for it in this set. */
  readonly mutate: (random: Random, files: Files, others: readonly Files[]) => Mutation | undefined;
}

const anyFile = (random: Random, files: Files): [string, Uint8Array] => random.pick([...files].filter(([, bytes]) => bytes.length > 0));
/** Files made of messages: not those of pages, which are large, and may hold anything. */
const messageFile = (random: Random, files: Files): [string, Uint8Array] => random.pick([...files].filter(([name, bytes]) => bytes.length > 8 && !name.startsWith('pages-')));
const one = (what: string, name: string, bytes: Uint8Array | undefined): Mutation => ({ what: `${name}: ${what}`, changes: new Map([[name, bytes]]) });

const MUTATORS: readonly Mutator[] = [
  {
    name: 'bytes',
    weight: 24,
    mutate: (random, files) => {
      const [name, bytes] = messageFile(random, files);
      const copy = bytes.slice();
      const places: number[] = [];
      for (let i = 0, n = 1 + random.below(random.chance(70) ? 1 : 12); i < n; i++) {
        const at = random.below(copy.length);
        places.push(at);
        copy[at] = random.chance(50) ? (copy[at] as number) ^ (1 << random.below(8)) : random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      }
      return one(`bytes at ${places.join(', ')}`, name, copy);
    },
  },
  {
    name: 'field',
    weight: 40,
    mutate: (random, files) => {
      const [name, bytes] = messageFile(random, files);
      const changed = changeField(random, name, bytes);
      return changed && one(changed.what, name, changed.bytes);
    },
  },
  {
    name: 'size of an entry',
    weight: 8,
    mutate: (random, files) => {
      const [name, bytes] = messageFile(random, files);
      const starts = entryStarts(bytes);
      if (starts.length === 0) return undefined;
      const at = random.pick(starts);
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      const size = view.getUint32(at, true);
      const other = random.pick([0, 1, size + 1, Math.max(0, size - 1), size * 2, 0x7fff_ffff, 0xffff_ffff, random.next()]) >>> 0;
      view.setUint32(at, other, true);
      return one(`the size ${size} at ${at} becomes ${other}`, name, copy);
    },
  },
  {
    name: 'truncation',
    weight: 8,
    mutate: (random, files) => {
      const [name, bytes] = anyFile(random, files);
      const length = random.chance(20) ? random.pick([0, 1, 4, 8, 12].filter((n) => n < bytes.length)) : random.below(bytes.length);
      return one(`cut to ${length} of ${bytes.length}`, name, bytes.slice(0, length));
    },
  },
  {
    name: 'more at the end',
    weight: 3,
    mutate: (random, files) => {
      const [name, bytes] = anyFile(random, files);
      const more = Uint8Array.from({ length: 1 + random.below(64) }, () => random.below(256));
      return one(`${more.length} bytes more`, name, Buffer.concat([bytes, more]));
    },
  },
  {
    name: 'magic',
    weight: 4,
    mutate: (random, files) => {
      const [name, bytes] = messageFile(random, files);
      const copy = bytes.slice();
      const [, donor] = messageFile(random, files);
      if (random.chance(50)) copy.set(donor.subarray(0, 8));
      else new DataView(copy.buffer).setUint32(4 * random.below(2), random.next(), true);
      return one('other words at its beginning', name, copy);
    },
  },
  {
    name: 'missing',
    weight: 4,
    mutate: (random, files) => one('missing', random.pick([...files.keys()]), undefined),
  },
  {
    name: 'swapped',
    weight: 4,
    mutate: (random, files) => {
      const [a, b] = [anyFile(random, files), anyFile(random, files)];
      return { what: `${a[0]} and ${b[0]} change places`, changes: new Map([[a[0], b[1]], [b[0], a[1]]]) };
    },
  },
  {
    name: 'of another set',
    weight: 5,
    mutate: (random, files, others) => {
      if (others.length === 0) return undefined;
      const name = random.pick([...files.keys()]);
      const kind = name.replace(/\d+/g, '#');
      const donors = [...random.pick(others)].filter(([other]) => other.replace(/\d+/g, '#') === kind);
      return donors.length === 0 ? undefined : one('taken from another set', name, random.pick(donors)[1]);
    },
  },
];

/** One mutation of a set, sometimes two or three on top of each other. */
export function mutate(random: Random, files: Files, others: readonly Files[]): Mutation {
  const changes = new Map<string, Uint8Array | undefined>();
  const what: string[] = [];
  const wanted = random.chance(80) ? 1 : 2 + random.below(2);
  for (let tries = 0; what.length < wanted && tries < 100; tries++) {
    const now = new Map([...files, ...changes].filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined));
    if (![...now].some(([name, bytes]) => bytes.length > 8 && !name.startsWith('pages-'))) break;
    const mutation = pickMutator(random).mutate(random, now, others);
    if (mutation === undefined) continue;
    what.push(mutation.what);
    for (const [name, bytes] of mutation.changes) changes.set(name, bytes);
  }
  return { what: what.join('; '), changes };
}

function pickMutator(random: Random): Mutator {
  let at = random.below(MUTATORS.reduce((sum, { weight }) => sum + weight, 0));
  for (const mutator of MUTATORS) {
    at -= mutator.weight;
    if (at < 0) return mutator;
  }
  return MUTATORS[0] as Mutator;
}

/** Where the sizes of entries stand, in files without payloads. */
function entryStarts(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const starts: number[] = [];
  for (let at = 8; at + 4 <= bytes.length; at += 4 + view.getUint32(at, true)) starts.push(at);
  return starts;
}

/** A place in JSON: its holder and the key there. */
interface Place {
  readonly holder: JsonObject | JsonValue[];
  readonly key: string | number;
  readonly path: string;
}

/** Changes one value of one message to one that is legal in the format, and nonsense in most cases. */
function changeField(random: Random, name: string, bytes: Uint8Array): { what: string; bytes: Uint8Array } | undefined {
  let json: JsonObject;
  try {
    json = imageToJson(new MemorySource(name, bytes));
  } catch {
    return undefined; // already damaged by a mutation before this one
  }
  const places = [...placesIn(json, '')].filter(({ path }) => path !== '.magic');
  if (places.length === 0) return undefined;
  // The values of some arrays (registers, auxv) are so many that others would hardly ever be met.
  const kinds = new Map<string, Place[]>();
  for (const place of places) {
    const kind = place.path.replace(/\[\d+\]/g, '[]');
    kinds.set(kind, [...(kinds.get(kind) ?? []), place]);
  }
  const place = random.pick(random.pick([...kinds.values()]));
  const before = (place.holder as Record<string | number, JsonValue>)[place.key] as JsonValue;
  const done = changeValue(random, place, before);
  const sink = new MemorySink(name);
  try {
    imageFromJson(json, sink);
  } catch {
    return undefined; // such a value can't be written
  }
  return { what: `${place.path} (${show(before)}) ${done}`, bytes: sink.bytes() };
}

function* placesIn(value: JsonValue, path: string): Generator<Place> {
  if (typeof value !== 'object' || value === null) return;
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  for (const key of keys) {
    const deeper = typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`;
    yield { holder: value, key, path: deeper };
    yield* placesIn((value as Record<string | number, JsonValue>)[key] as JsonValue, deeper);
  }
}

function changeValue(random: Random, { holder, key }: Place, before: JsonValue): string {
  const put = (value: JsonValue): string => {
    (holder as Record<string | number, JsonValue>)[key] = value;
    return `becomes ${show(value)}`;
  };
  if (random.chance(12)) {
    if (Array.isArray(holder)) {
      const at = key as number;
      if (random.chance(50)) {
        holder.splice(at, 1);
        return 'removed';
      }
      holder.splice(random.below(holder.length + 1), 0, structuredClone(before));
      return 'is there twice';
    }
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- JSON objects have no prototype
    delete holder[key as string];
    return 'removed';
  }
  switch (typeof before) {
    case 'number':
    case 'bigint':
      return put(oddNumber(random, BigInt(before)));
    case 'boolean':
      return put(!before);
    case 'string':
      return put(oddText(random, before));
    default:
      if (!Array.isArray(before)) {
        (holder as Record<string | number, JsonValue>)[key] = Object.create(null) as JsonObject;
        return 'emptied';
      }
      if (random.chance(50)) return put([]);
      before.reverse();
      return 'reversed';
  }
}

/** Numbers at which code breaks. */
function oddNumber(random: Random, before: bigint): JsonValue {
  const candidates = [0n, 1n, 2n, before + 1n, before - 1n, before ^ (1n << BigInt(random.below(32))), before ^ (1n << BigInt(random.below(64))), before + 4096n, before * 2n, -before, -1n, 0x7fff_ffffn, 0xffff_ffffn, 0x7fff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn, 0x8000_0000n, 1n << 47n, BigInt(random.next())];
  const value = random.pick(candidates);
  return value >= -0x1f_ffff_ffff_ffffn && value <= 0x1f_ffff_ffff_ffffn ? Number(value) : value;
}

function oddText(random: Random, before: string): string {
  return random.pick(['', '/', '.', '..', '\0', 'x'.repeat(5000), `${before}x`, before.slice(0, -1), before.slice(1), `/${before}`, `../../${before}`, before.replace(/.$/, '\ud800'), 'AAAA']);
}

function show(value: JsonValue): string {
  const text = typeof value === 'object' ? (Array.isArray(value) ? `${value.length} values` : 'a message') : String(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : JSON.stringify(text).slice(1, -1);
}
