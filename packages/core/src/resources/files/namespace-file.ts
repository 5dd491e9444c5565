// /proc/PID/ns/* (namespaces(7)): an open file that keeps a namespace, and leads to it (setns(2)).
import { fd_types, type ns_file_entry } from '@criu-ts/images';
import { CLONE } from '@criu-ts/kernel/abi';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import { part } from '../../files/message-part.js';
import { openPath } from '../../files/paths.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileKind } from '../file-kind.js';
import { type NamespaceName, namespaceNames } from '../identity.js';

/** CLONE_NEW* (sched.h) */
const FLAGS: Readonly<Record<NamespaceName, number>> = { pid: CLONE.NEWPID, net: CLONE.NEWNET, ipc: CLONE.NEWIPC, uts: CLONE.NEWUTS, time: CLONE.NEWTIME, mnt: CLONE.NEWNS, user: CLONE.NEWUSER, cgroup: CLONE.NEWCGROUP };

const LINK = /^([a-z]+):\[(\d+)\]$/;

export const namespaceFile: FileKind<ns_file_entry> = {
  name: 'namespace-file',
  type: fd_types.NS,
  recognises: ({ link }) => (LINK.exec(link)?.[1] ?? '') in FLAGS,

  judge({ link, flags }, at) {
    const [, kind = '', inode] = LINK.exec(link) ?? [];
    const nsId = at.namespaceId(kind as NamespaceName, Number(inode));
    if (nsId === undefined) throw new Unsupported('file', `the file of another ${kind} namespace (${link}) is not supported yet`, { hint: `close it before the dump, or run criu-ts in that ${kind} namespace` });
    return { id: at.id, nsId, nsCflag: FLAGS[kind as NamespaceName], flags };
  },

  capture: (_, __, nsf) => ({ nsf }),

  reopen(entry, at) {
    const { nsCflag, nsId, flags } = part(entry, 'nsf');
    const kind = namespaceNames.find((name) => FLAGS[name] === nsCflag);
    if (kind === undefined) throw new ImageCorrupt(`the file of a namespace of kind 0x${nsCflag.toString(16)}`, { object: 'files.img' });
    const path = at.namespacePath(kind, nsId);
    if (path === undefined) throw new ImageCorrupt(`the file of the ${kind} namespace ${nsId}, in which no process is`, { object: 'files.img' });
    const fd = openPath(path, flags);
    setFlags(fd, flags);
    return fd;
  },
};
