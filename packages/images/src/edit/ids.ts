import type { mnt_entry } from '../gen/mnt.js';
import { IMAGE_TYPES } from '../image-types.js';
import { EditRefused } from './refusal.js';
import type { Outcome } from './report.js';
import { messageChange } from './transformation.js';
import type { Asked, MessageChange, Transformation, Work } from './transformation.js';

type Kind = 'uid' | 'gid';

/** Fields that hold a user or a group, by message; what a restore gives to threads, or to what it makes. */
export const ID_FIELDS: Readonly<Record<Kind, Readonly<Record<string, readonly string[]>>>> = {
  uid: {
    creds_entry: ['uid', 'euid', 'suid', 'fsuid'],
    task_core_entry: ['loginuid', 'deadUid'],
    fown_entry: ['uid', 'euid'],
    ghost_file_entry: ['uid'],
    memfd_inode_entry: ['uid'],
    file_perms_entry: ['uid'],
    unix_sk_entry: ['peerUid'],
    sk_packet_entry: ['senderUid'],
    tty_info_entry: ['uid'],
    tun_link_entry: ['owner'],
    autofs_entry: ['uid'],
    ipc_desc_entry: ['uid', 'cuid'],
    cgroup_perms: ['uid'],
  },
  gid: {
    creds_entry: ['gid', 'egid', 'sgid', 'fsgid', 'groups'],
    task_core_entry: ['deadGid'],
    ghost_file_entry: ['gid'],
    memfd_inode_entry: ['gid'],
    file_perms_entry: ['gid'],
    unix_sk_entry: ['peerGid', 'peerGroups'],
    sk_packet_entry: ['senderGid'],
    tty_info_entry: ['gid'],
    tun_link_entry: ['group'],
    autofs_entry: ['gid'],
    ipc_desc_entry: ['gid', 'cgid'],
    cgroup_perms: ['gid'],
  },
};

/** (uid_t) -1 is nobody at all to every system call. */
const HIGHEST = 0xffff_fffe;

/** Users or groups: those of all edits at once. */
export function idTransformation(kind: Kind, asked: Asked<'uid' | 'gid'>): Transformation {
  const to = new Map<number, { to: number; outcome: Outcome }>();
  for (const { edit, outcome } of asked) {
    for (const id of [edit.from, edit.to]) if (!Number.isInteger(id) || id < 0 || id > HIGHEST) throw new EditRefused('edit-refused', `${kind} ${id}`, `a ${kind} is a number from 0 to ${HIGHEST}`);
    if (edit.from === edit.to) throw new EditRefused('edit-refused', `${kind} ${edit.from}`, 'it would stay what it is');
    if (to.has(edit.from)) throw new EditRefused('edit-conflict', `${kind} ${edit.from}`, 'two edits change it');
    to.set(edit.from, { to: edit.to, outcome });
  }
  const changed = (from: number, file: string, object: string): number => {
    const found = to.get(from);
    found?.outcome.changed({ file, object, from: String(from), to: String(found.to) });
    return found?.to ?? from;
  };
  const fields = Object.entries(ID_FIELDS[kind]).map(([name, keys]): [string, MessageChange] => [
    name,
    (message, { file }) => {
      for (const key of keys) {
        const value = message[key] as number | number[] | undefined;
        if (value !== undefined) message[key] = Array.isArray(value) ? value.map((id) => changed(id, file, `${name}.${key}`)) : changed(value, file, `${name}.${key}`);
      }
    },
  ]);
  // tmpfs, devpts and their like: "mode=755,uid=1000".
  const mount = messageChange<mnt_entry>((message, { file }) => {
    message.options = message.options
      .split(',')
      .map((option) => (new RegExp(`^${kind}=\\d+$`).test(option) ? `${kind}=${changed(Number(option.slice(4)), file, `options of the mount ${message.mountpoint}`)}` : option))
      .join(',');
  });
  return {
    prepare: (work) => prepare(kind, [...to].map(([from, { to: id }]) => [from, id] as const), work),
    messages: { ...Object.fromEntries(fields), mnt_entry: mount },
  };
}

async function prepare(kind: Kind, pairs: readonly (readonly [number, number])[], { checkpoint, findings }: Work): Promise<void> {
  if (kind === 'uid' && pairs.some((pair) => pair.includes(0))) findings.notes.add('capabilities, securebits and no_new_privs are as they were: a user that is not 0 any more keeps what root had, and the other way round');
  findings.notes.add('the owners of files on disk are not changed');
  for (const id of checkpoint.images.ids(IMAGE_TYPES.userns)) {
    const { uidMap, gidMap } = await checkpoint.images.need(IMAGE_TYPES.userns, id);
    const map = kind === 'uid' ? uidMap : gidMap;
    findings.notes.add(`ids are those inside of user namespace ${id}, whose map stays: ${map.map(({ first, lowerFirst, count }) => `${kind}s ${first}-${first + count - 1} are ${lowerFirst}-${lowerFirst + count - 1} outside`).join(', ')}`);
    for (const [, to] of pairs) {
      if (!map.some(({ first, count }) => to >= first && to < first + count)) throw new EditRefused('edit-refused', `${kind} ${to}`, `the map of user namespace ${id} has no such ${kind}`);
    }
  }
}
