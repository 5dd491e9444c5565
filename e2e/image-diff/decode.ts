import { createHash } from 'node:crypto';
import { PE_PRESENT, IMAGE_TYPES, UNKNOWN_FIELDS, imageTypeOfName, isRaw, openPages, readPagemap, type ImageSet, type ImageType } from '@criu-ts/images';
import { openImageSet } from '@criu-ts/images/node';

/** A decoded message as plain data: bigints as decimal text, bytes as hex, what is absent left out. */
export type Plain = string | number | boolean | Plain[] | { [field: string]: Plain };
export type PlainObject = Record<string, Plain>;

/** The image files of a checkpoint, decoded. */
export interface DecodedImages {
  /** By file name: `core-12.img` → its entries. */
  readonly files: Map<string, PlainObject[]>;
  /** By pagemap file name: address of a page (hexadecimal) → a hash of its contents. */
  readonly pages: Map<string, Map<string, string>>;
}

const PAGE = 4096;
/** By-products of a run, no part of the checkpoint. */
const ignored = /^stats-|\.log$|^irmap-cache|^cr-errno|\.pid$/;

/** Reads all images of a directory. @throws ImageCorrupt */
export function decodeImages(dir: string): DecodedImages {
  const images = openImageSet(dir);
  const files = new Map<string, PlainObject[]>();
  const pages = new Map<string, Map<string, string>>();
  for (const name of images.directory.list()) {
    const found = ignored.test(name) ? undefined : imageTypeOfName(name);
    if (found === undefined) continue;
    const { type, id } = found;
    if (type === IMAGE_TYPES.pagemap || type === IMAGE_TYPES.shmemPagemap) pages.set(name, readPages(images, type as typeof IMAGE_TYPES.pagemap, id ?? 0n));
    else if (isRaw(type)) {
      // page contents come by their pagemap
      if (type.holds !== 'pages') files.set(name, [{ sha1: hash(images.readRaw(type, id ?? undefined)) }]);
    } else files.set(name, images.read(type as ImageType<object>, id ?? undefined).map((entry) => toPlain(entry) as PlainObject));
  }
  images.directory[Symbol.dispose]();
  return { files, pages };
}

function readPages(images: ImageSet, type: typeof IMAGE_TYPES.pagemap, id: bigint): Map<string, string> {
  const map = readPagemap(images, type, id);
  const found = new Map<string, string>();
  using reader = openPages(images.directory, map.pagesId);
  const page = new Uint8Array(PAGE);
  let offset = 0;
  for (const [row, address] of map.vaddr.entries()) {
    const pages = map.nrPages[row] ?? 0;
    const flags = map.flags[row] ?? 0;
    for (let at = 0; at < pages; at++) {
      const where = (address + BigInt(at * PAGE)).toString(16);
      if ((flags & PE_PRESENT) === 0) found.set(where, `flags ${flags}`);
      else {
        reader.readInto(page, offset);
        offset += PAGE;
        found.set(where, hash(page));
      }
    }
  }
  return found;
}

function hash(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex').slice(0, 16);
}

function toPlain(value: unknown): Plain | undefined {
  switch (typeof value) {
    case 'bigint':
      return value.toString();
    case 'number':
    case 'string':
    case 'boolean':
      return value;
    default:
  }
  if (value === undefined || value === null) return undefined;
  if (value instanceof Uint8Array) return value.length > 64 ? `${value.length} bytes, ${hash(value)}` : Buffer.from(value).toString('hex');
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, (item) => toPlain(item) ?? '');
  const plain: PlainObject = {};
  for (const [field, inner] of Object.entries(value)) {
    const converted = toPlain(inner);
    if (converted !== undefined) plain[field] = converted;
  }
  const unknown = (value as { [UNKNOWN_FIELDS]?: Uint8Array })[UNKNOWN_FIELDS];
  if (unknown !== undefined) plain['(unknown fields)'] = Buffer.from(unknown).toString('hex');
  return plain;
}
