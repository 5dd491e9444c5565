/** What is needed of a mapping to look for code and for dead stack in it. */
export interface MappedRange {
  readonly start: number;
  readonly end: number;
  readonly executable: boolean;
  readonly writable: boolean;
  readonly shared: boolean;
  /** /proc/PID/maps' last column */
  readonly path: string;
  /** Differs for mappings of different parts of files. */
  readonly key?: string;
}
