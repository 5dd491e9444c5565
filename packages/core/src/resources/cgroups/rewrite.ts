import type { cgroup_dir_entry, cgroup_entry } from '@criu-ts/images';
import path from 'node:path';

/**
 * Puts the cgroups of one hierarchy below another root: members' paths in the image are changed, and the directories
 * are returned anew. What lay right at the top of a described tree lies at the new root.
 */
export function rewriteRoot(image: cgroup_entry, cnames: readonly string[], dirs: readonly cgroup_dir_entry[], newRoot: string): cgroup_dir_entry[] {
  const name = cnames.join(',');
  const root = path.posix.join('/', newRoot);
  const heads = dirs.map(({ dirName }) => path.posix.join('/', dirName)).sort((a, b) => b.length - a.length);
  for (const { ctls } of image.sets) {
    for (const ctl of ctls) {
      if (ctl.name !== name) continue;
      const head = heads.find((one) => one === '/' || ctl.path === one || ctl.path.startsWith(`${one}/`));
      if (head !== undefined) ctl.path = path.posix.join(root, path.posix.relative(head, ctl.path));
    }
  }
  return dirs.map((dir) => ({ ...dir, dirName: root.slice(1) }));
}
