// From a number back to its name.

/** A function that names the values of `group`; the table is made on first use. Of values with several names `aliases` are passed over. */
export function namer(
  group: Readonly<Record<string, number>>,
  options: { prefix?: string; otherwise: string; aliases?: readonly string[] },
): (value: number) => string {
  let names: Map<number, string> | undefined;
  return (value) => {
    if (names === undefined) {
      names = new Map();
      for (const [name, number] of Object.entries(group)) {
        if (!options.aliases?.includes(name)) names.set(number, `${options.prefix ?? ''}${name}`);
      }
    }
    return names.get(value) ?? `${options.otherwise} ${value}`;
  };
}
