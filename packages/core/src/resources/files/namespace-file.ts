// /proc/PID/ns/* (namespaces(7)): an open file that keeps a namespace, and leads to it (setns(2)).
import { fd_types, type ns_file_entry } from '@criu-ts/images';
import { type NamespaceLink, readNamespace } from '@criu-ts/kernel/procfs';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import { part } from '../../files/message-part.js';
import { openPath } from '../../files/paths.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileKind } from '../file-kind.js';

/** CLONE_NEW* (sched.h), and the number that the namespace, which is our own, has in the images (`identity.ts`). */
const KINDS: Readonly<Record<string, { readonly flag: number; readonly id: number }>> = {
  pid: { flag: 0x2000_0000, id: 1 },
  net: { flag: 0x4000_0000, id: 2 },
  ipc: { flag: 0x0800_0000, id: 3 },
  uts: { flag: 0x0400_0000, id: 4 },
  time: { flag: 0x80, id: 5 },
  mnt: { flag: 0x2_0000, id: 6 },
  user: { flag: 0x1000_0000, id: 7 },
  cgroup: { flag: 0x0200_0000, id: 8 },
};

const LINK = /^([a-z]+):\[(\d+)\]$/;

export const namespaceFile: FileKind<ns_file_entry> = {
  name: 'namespace-file',
  type: fd_types.NS,
  recognises: ({ link }) => (LINK.exec(link)?.[1] ?? '') in KINDS,

  judge({ link, flags }, at) {
    const [, kind = '', inode] = LINK.exec(link) ?? [];
    const known = KINDS[kind];
    if (known === undefined || readNamespace('self', kind as NamespaceLink)?.inode !== Number(inode)) {
      throw new Unsupported('file', `the file of another ${kind} namespace (${link}) is not supported yet`, { hint: `close it before the dump, or run criu-ts in that ${kind} namespace` });
    }
    return { id: at.id, nsId: known.id, nsCflag: known.flag, flags };
  },

  capture: (_, __, nsf) => ({ nsf }),

  reopen(entry) {
    const { nsCflag, flags } = part(entry, 'nsf');
    const kind = Object.keys(KINDS).find((name) => KINDS[name]?.flag === nsCflag);
    if (kind === undefined) throw new ImageCorrupt(`the file of a namespace of kind 0x${nsCflag.toString(16)}`, { object: 'files.img' });
    const fd = openPath(`/proc/self/ns/${kind}`, flags);
    setFlags(fd, flags);
    return fd;
  },
};
