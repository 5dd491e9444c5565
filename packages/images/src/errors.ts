/** Where in an image something is wrong, as far as the thrower knows; layers above fill in the rest. */
export interface CorruptionSite {
  /** what is wrong, as one clause: "field start of vma_entry is missing" */
  readonly why: string;
  /** the image's file name, "mm-12.img" */
  readonly file?: string | undefined;
  /** bytes from the beginning of the file (of the message, where `file` is unknown) */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

/** An image does not hold what its format asks for. Every decoder of this package throws this and nothing else. */
export class ImageCorrupt extends Error {
  readonly code = 'image-corrupt';
  readonly why: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;

  constructor(site: CorruptionSite) {
    const at = site.offset === undefined ? '' : ` at byte ${site.offset}`;
    super(`${site.file ?? 'image'}${at}: ${site.why}`, site.cause === undefined ? undefined : { cause: site.cause });
    this.name = 'ImageCorrupt';
    this.why = site.why;
    this.file = site.file;
    this.offset = site.offset;
  }

  /** The same corruption, told by whoever knows the file and where in it the message began. */
  within(file: string, base: number): ImageCorrupt {
    if (this.file !== undefined) return this;
    return new ImageCorrupt({ why: this.why, file, offset: base + (this.offset ?? 0), cause: this.cause });
  }
}
