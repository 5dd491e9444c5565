const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** "1.5 MiB" */
export function sizeText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${UNITS[unit]}`;
}

/** "12.3 ms", of microseconds */
export function timeText(micros: number): string {
  if (micros < 1000) return `${micros} µs`;
  if (micros < 1_000_000) return `${Number((micros / 1000).toPrecision(3))} ms`;
  return `${Number((micros / 1_000_000).toPrecision(4))} s`;
}

const AGES: readonly (readonly [seconds: number, name: string])[] = [[86_400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];

/** "3 hours ago", of milliseconds */
export function agoText(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  const [size, name] = AGES.find(([length]) => seconds >= 2 * length) ?? AGES.at(-1)!;
  return `${countText(Math.floor(seconds / size), name)} ago`;
}

/** "1 process", "2 processes" */
export const countText = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/**
 * A command line as a shell would take it; what is not printable is shown as \xNN, so that no image makes a terminal do anything.
 * Characters that the words need quoting for are quoted.
 */
export const commandText = (words: readonly string[]): string => words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${safeText(word).replaceAll("'", `'\\''`)}'`)).join(' ');

/** The same; a single word with blanks in it is what a program calls itself (setproctitle), and shown as it is. */
export const titleText = (words: readonly string[]): string => (words.length === 1 && /\s/.test(words[0]!) ? safeText(words[0]!).trim() : commandText(words));

/** Text out of an image, for a terminal: without control characters. */
// eslint-disable-next-line no-control-regex -- they are what is taken out
export const safeText = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
