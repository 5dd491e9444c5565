/** Runs of pages, a row each across three columns of the same length. */
export interface PagemapColumns {
  /** address of the first page */
  readonly vaddr: BigUint64Array;
  readonly nrPages: Uint32Array;
  /** PE_PARENT 1, PE_LAZY 2, PE_PRESENT 4 */
  readonly flags: Uint32Array;
}

/** Why bytes are not pagemap entries; the order is that of `enum status` in pagemap-codec.c. */
export const PAGEMAP_STATUS = ['done', 'no-room', 'cut-short', 'bad-number', 'bad-wire-type', 'bad-field', 'missing-field', 'too-many-pages'] as const;
export type PagemapStatus = (typeof PAGEMAP_STATUS)[number];

/** The entries that were decoded, as views that the next call overwrites, and why it ended after `consumed` bytes. */
export interface DecodedPagemap extends PagemapColumns {
  readonly consumed: number;
  readonly status: PagemapStatus;
}

export interface PagemapCodec {
  /** The entries as they lie in an image after its head: { u32 size, pagemap_entry }*. The bytes are the caller's. */
  encode(columns: PagemapColumns): Uint8Array;
  /** The columns are the caller's. Stops at the first entry that is not one; `status` and `consumed` tell. */
  decode(bytes: Uint8Array): DecodedPagemap;
}
