/** JSON that is not an image: not JSON at all, or a value where the format wants another one. */
export class JsonInvalid extends Error {
  readonly code = 'json-invalid';
  /** where: `entries[0].vmas[3].prot`, or `line 2, column 7` */
  readonly at: string;

  constructor(at: string, why: string) {
    super(`${at}: ${why}`);
    this.name = 'JsonInvalid';
    this.at = at;
  }
}
