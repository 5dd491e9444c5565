import type { mnt_entry } from '../gen/mnt.js';
import { fstype } from '../gen/mnt.js';
import type { unix_sk_entry } from '../gen/sk-unix.js';
import { IMAGE_TYPES } from '../image-types.js';
import { fileName } from '../layout.js';
import { decodeText, encodeText } from '../message/text.js';
import { PathMap, below, joinPaths } from './path-map.js';
import { EditRefused } from './refusal.js';
import { messageChange } from './transformation.js';
import type { Asked, MessageChange, Transformation, Work } from './transformation.js';

/** Fields that hold a path by itself. Mounts and unix sockets have rules of their own. */
export const PATH_FIELDS: Readonly<Record<string, readonly string[]>> = {
  reg_file_entry: ['name'],
  ghost_file_entry: ['symlnkTarget'],
  fh_entry: ['path'],
  fanotify_mount_mark_entry: ['path'],
  irmap_cache_entry: ['path'],
  binfmt_misc_entry: ['interpreter'],
};

/** sizeof(sockaddr_un.sun_path) */
const SUN_PATH = 108;

/** Beginnings of paths, in everything of the images that is a path: files, directories, executables, mappings, mounts, sockets. */
export function pathTransformation(asked: Asked<'path'>): Transformation {
  const paths = new PathMap(asked.map(({ edit: { from, to }, outcome }) => ({ from, to, outcome })));
  const mapped = (path: string, file: string, object: string): string => {
    const found = paths.map(path);
    found?.outcome.changed({ file, object, from: path, to: found.path });
    return found?.path ?? path;
  };
  const fields = Object.entries(PATH_FIELDS).map(([name, keys]): [string, MessageChange] => [
    name,
    (message, { file }) => {
      for (const key of keys) if (typeof message[key] === 'string') message[key] = mapped(message[key], file, `${name}.${key}`);
    },
  ]);
  /** the new roots of mounts that are parts of another one's file system, by image and mount */
  const roots = new Map<string, string>();
  return {
    prepare: (work) => prepareMounts(paths, roots, work),
    messages: {
      ...Object.fromEntries(fields),
      mnt_entry: messageChange<mnt_entry>((message, { file }) => {
        const object = `mount ${message.mntId}`;
        const root = roots.get(`${file} ${message.mntId}`);
        message.mountpoint = mapped(message.mountpoint, file, `${object}, where it is`);
        message.source = mapped(message.source, file, `${object}, its source`);
        if (root !== undefined) message.root = root;
        if (message.fstype === fstype.OVERLAYFS || message.fsname === 'overlay') message.options = overlayOptions(message.options, (path) => mapped(path, file, `${object}, its layers`));
      }),
      unix_sk_entry: messageChange<unix_sk_entry>((message, { file }) => unixSocket(message, file, paths)),
      sk_packet_entry: messageChange<{ sender?: Uint8Array }>((message, { file }) => {
        if (message.sender !== undefined) message.sender = absoluteName(message.sender, file, 'sk_packet_entry.sender', paths);
      }),
    },
  };
}

/** "lowerdir=/a:/b,upperdir=/c,workdir=/d" */
function overlayOptions(options: string, mapped: (path: string) => string): string {
  return options
    .split(',')
    .map((option) => {
      const [, name, value] = /^(lowerdir|upperdir|workdir)=(.*)$/.exec(option) ?? [];
      return value === undefined ? option : `${name}=${value.split(':').map(mapped).join(':')}`;
    })
    .join(',');
}

/**
 * A mount of a part of a file system that is mounted elsewhere, too (a bind mount): its root is told from the beginning of
 * that file system, and where the path it is found under moves, moves with it.
 */
async function prepareMounts(paths: PathMap, roots: Map<string, string>, { checkpoint }: Work): Promise<void> {
  for (const id of checkpoint.images.ids(IMAGE_TYPES.mnts)) {
    const file = fileName(IMAGE_TYPES.mnts, id);
    const mounts = await checkpoint.images.read(IMAGE_TYPES.mnts, id);
    for (const mount of mounts) {
      const whole = mounts
        .filter((other) => other !== mount && other.rootDev === mount.rootDev && other.root.length < mount.root.length && below(mount.root, other.root) !== undefined)
        .sort((a, b) => a.root.length - b.root.length)[0];
      if (whole === undefined) continue;
      const found = paths.map(joinPaths(whole.mountpoint, below(mount.root, whole.root)!));
      if (found === undefined) continue;
      const base = paths.map(whole.mountpoint)?.path ?? whole.mountpoint;
      const rest = below(found.path, base);
      if (rest === undefined) throw new EditRefused('edit-refused', `mount ${mount.mntId} (${mount.mountpoint})`, `what it shows would be at ${found.path}, outside of the file system at ${base} that it is a part of`);
      const root = joinPaths(whole.root, rest);
      if (root === mount.root) continue;
      roots.set(`${file} ${mount.mntId}`, root);
      found.outcome.changed({ file, object: `mount ${mount.mntId}, its root`, from: mount.root, to: root });
    }
  }
}

/** A name as bind(2) had it: with or without a NUL at its end. Empty and abstract ones are no paths. */
function partsOfName(name: Uint8Array): { readonly path: string; readonly end: Uint8Array } | undefined {
  if (name.length === 0 || name[0] === 0) return undefined;
  const nul = name.indexOf(0);
  const length = nul < 0 ? name.length : nul;
  return { path: decodeText(name, 0, length), end: name.slice(length) };
}

function nameOf(path: string, end: Uint8Array): Uint8Array {
  const bytes = encodeText(path);
  if (bytes.length + end.length > SUN_PATH) throw new EditRefused('edit-refused', path, `the name of a unix socket has room for ${SUN_PATH - end.length} bytes, this one would have ${bytes.length}`);
  const name = new Uint8Array(bytes.length + end.length);
  name.set(bytes);
  name.set(end, bytes.length);
  return name;
}

function absoluteName(name: Uint8Array, file: string, object: string, paths: PathMap): Uint8Array {
  const parts = partsOfName(name);
  const found = parts && paths.map(parts.path);
  if (found === undefined) return name;
  found.outcome.changed({ file, object, from: parts!.path, to: found.path });
  return nameOf(found.path, parts!.end);
}

/** A socket that was bound by a relative name has it still, and the directory that it is relative to beside it. */
function unixSocket(message: unix_sk_entry, file: string, paths: PathMap): void {
  const parts = partsOfName(message.name);
  if (parts !== undefined && !parts.path.startsWith('/') && message.nameDir !== undefined) relativeSocket(message, parts, file, paths);
  else message.name = absoluteName(message.name, file, 'unix_sk_entry.name', paths);
  if (message.peerName !== undefined) message.peerName = absoluteName(message.peerName, file, 'unix_sk_entry.peerName', paths);
  const mapped = (from: string, object: string): string => {
    const found = paths.map(from);
    found?.outcome.changed({ file, object, from, to: found.path });
    return found?.path ?? from;
  };
  if (message.renamedTo !== undefined) message.renamedTo = mapped(message.renamedTo, 'unix_sk_entry.renamedTo');
  message.otherNames = message.otherNames.map((path) => mapped(path, 'unix_sk_entry.otherNames'));
}

function relativeSocket(message: unix_sk_entry, { path, end }: { readonly path: string; readonly end: Uint8Array }, file: string, paths: PathMap): void {
  const dir = message.nameDir!;
  const newDir = paths.map(dir);
  const whole = paths.map(joinPaths(dir, path));
  const target = newDir?.path ?? dir;
  if (newDir !== undefined) {
    newDir.outcome.changed({ file, object: 'unix_sk_entry.nameDir', from: dir, to: newDir.path });
    message.nameDir = newDir.path;
  }
  // Names with .. are resolved by whoever binds them, from the directory.
  if (path.split('/').includes('..')) return;
  const rest = below(whole?.path ?? joinPaths(dir, path), target);
  if (rest === undefined) throw new EditRefused('edit-refused', `unix socket ${path}`, `it was bound by this name in ${dir}; it would be at ${whole?.path ?? joinPaths(dir, path)}, which no name from ${target} leads to`);
  if (joinPaths('/', rest) === joinPaths('/', path)) return;
  whole?.outcome.changed({ file, object: 'unix_sk_entry.name', from: path, to: rest });
  message.name = nameOf(rest, end);
}
