/**
 * What /proc says of descriptors, with inode numbers of anonymous objects replaced by names: the same for a process
 * and for what was restored of it.
 * @param ignore parts of an entry's text that may differ
 */
export function comparable(files: Record<string, string>, ignore: readonly RegExp[] = []): Record<string, string> {
  const seen = new Map<string, string>();
  const rename = (text: string): string => {
    if (!seen.has(text)) seen.set(text, `#${seen.size}`);
    return seen.get(text) as string;
  };
  const normalize = (text: string): string =>
    ignore
      .reduce((left, pattern) => left.replace(pattern, ''), text)
      .replace(/^(pipe|socket):\[(\d+)\]/, (_, kind: string, ino: string) => `${kind}:[${rename(ino)}]`)
      .replace(/^ino:\t(\d+)/m, (_, ino: string) => `ino:\t${rename(ino)}`)
      .replace(/^eventfd-id:.*/m, '');
  return Object.fromEntries(Object.entries(files).map(([fd, text]) => [fd, normalize(text)]));
}
