/** How the text after an option is read. `flag` takes none. */
export type OptionKind = 'flag' | 'string' | 'number' | 'size' | 'list' | 'verbosity';

export type CommandName = 'dump' | 'restore' | 'explain' | 'check' | 'completion' | 'man';

/** One row of the table of options: parsing, help and refusals are made from it. */
export interface OptionSpec {
  /** Without the dashes. */
  readonly long: string;
  readonly short?: string;
  readonly kind: OptionKind;
  /** What the value is called in the help; kinds other than `flag` have one. */
  readonly value?: string;
  /** The value may be left out (`-v`, `--manage-cgroups`); otherwise it must be glued: `-v4`, `--manage-cgroups=soft`. */
  readonly optionalValue?: boolean;
  /** `--no-LONG` takes a flag back, as in CRIU. */
  readonly negatable?: boolean;
  /** Other long name for the same option. */
  readonly alias?: string;
  /** The commands whose help shows it; every command accepts every option, as CRIU does. */
  readonly of: readonly CommandName[];
  /** A line of help. */
  readonly text: string;
  /** CRIU has it, we don't yet: using it is an error that says so. `unless` names values that ask for nothing. */
  readonly refused?: { readonly why: string; readonly unless?: readonly string[] };
  /** CRIU has it; accepted, and nothing need be done. Says why that is right. */
  readonly ignored?: string;
  /** Not one of CRIU's. */
  readonly ours?: boolean;
}

/** What the parser makes of a row. */
type ValueOf<Kind extends OptionKind> = Kind extends 'flag'
  ? boolean
  : Kind extends 'number' | 'size' | 'verbosity'
    ? number
    : Kind extends 'list'
      ? readonly string[]
      : string;

/** Options given, by their long name; absent where not given (a list is then empty). */
export type ValuesOf<Table extends readonly OptionSpec[]> = {
  readonly [Row in Table[number] as Row['long']]?: ValueOf<Row['kind']>;
};
