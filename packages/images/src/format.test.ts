import t from 'tap';
import * as gen from './gen/index.js';
import { IMAGE_TYPES, RAW_IMAGE_TYPES } from './image-types.js';
import type { AnyImageType } from './layout.js';
import { isRaw } from './layout.js';
import { DescribedType } from './message/message-type.js';
import { formatTable } from './testing/fixtures.js';

const TYPE_NUMBERS: Readonly<Record<string, number>> = { int64: 3, uint64: 4, int32: 5, fixed64: 6, bool: 8, string: 9, bytes: 12, uint32: 13, sint32: 17, sint64: 18 };

const messages = formatTable('messages.tsv');
t.test('every field of every message is as the format tables say', { skip: messages.skip }, (t) => {
  const differing: string[] = [];
  const types = Object.values(gen).filter((value) => value instanceof DescribedType) as DescribedType<object>[];
  const byName = new Map(types.map((type) => [type.name, type]));
  for (const row of messages.rows) {
    const field = byName.get(row.message!)?.fields.find((f) => f.name === row.field);
    const type = field && (field.message?.().name ?? (field.type === 14 ? 'enum' : Object.keys(TYPE_NUMBERS).find((name) => TYPE_NUMBERS[name] === field.type)));
    const label = field && (field.repeated ? 'repeated' : field.required ? 'required' : 'optional');
    const typeFits = type === row.type || (type === 'enum' && !(row.type! in TYPE_NUMBERS));
    const defaultFits = field?.values ? true : String(field?.default ?? '') === row.default;
    if (field?.no !== Number(row.number) || label !== row.label || !typeFits || !defaultFits) differing.push(`${row.message}.${row.field}`);
  }
  t.same(differing, []);
  // Ours, which CRIU skips, have numbers from 1000 on; so messages that only those hold are not in the tables.
  const told = new Set(messages.rows.map((row) => `${row.message}.${row.field}`));
  const tables = new Set(messages.rows.map((row) => row.message));
  const ours = types.filter((type) => tables.has(type.name)).flatMap((type) => type.fields.filter((field) => !told.has(`${type.name}.${field.name}`)));
  t.same(ours.filter(({ no }) => no < 1000).map(({ name }) => name), []);
  t.end();
});

const enums = formatTable('enums.tsv');
t.test('every enum value is as the format tables say', { skip: enums.skip }, (t) => {
  const differing = enums.rows.filter((row) => {
    const values = (gen as Record<string, unknown>)[row.enum!.replace('.', '_')] as Record<string, number> | undefined;
    return values?.[row.name!] !== Number(row.number);
  });
  // protobuf-ts has no export for an enum that no field uses.
  t.same(differing.map((row) => row.enum), []);
  t.end();
});

const images = formatTable('images.tsv');
t.test('every image kind is as the format tables say', { skip: images.skip }, (t) => {
  const known = [...Object.values(IMAGE_TYPES), ...Object.values(RAW_IMAGE_TYPES)] as AnyImageType[];
  const obsolete = new Set(['PAGES_OLD', 'SHM_PAGES_OLD']);
  for (const row of images.rows.filter((row) => !obsolete.has(row.kind!))) {
    const types = known.filter((type) => type.kind === row.kind);
    t.equal(types.length, row.kind === 'STATS' ? 2 : 1, `kinds called ${row.kind}`);
    for (const type of types) {
      t.same(type.words, [row['first word'], row['second word']].filter(Boolean).map(Number), `words of ${row.kind}`);
      if (isRaw(type)) continue;
      const { first, rest } = type.layout;
      const told = [first?.message.name, rest.message.name].filter(Boolean);
      t.same(told.slice(0, row.message!.split(', ').length), row.message!.split(', '), `messages of ${row.kind}`);
    }
  }
  t.equal(known.length, images.rows.length - obsolete.size + 1);
  t.end();
});
