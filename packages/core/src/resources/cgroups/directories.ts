import { readdirSync } from 'node:fs';

/** A cgroup and all below it, as directories, parents first. */
export function listDirectory(directory: string): string[] {
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [directory, ...below.flatMap(({ name }) => listDirectory(`${directory}/${name}`))];
}
