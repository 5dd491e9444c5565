import { ImageCorrupt } from './errors.js';
import { apparmor_entry } from './gen/apparmor.js';
import { autofs_entry } from './gen/autofs.js';
import { binfmt_misc_entry } from './gen/binfmt-misc.js';
import { bpfmap_data_entry } from './gen/bpfmap-data.js';
import { bpfmap_file_entry } from './gen/bpfmap-file.js';
import { cgroup_entry } from './gen/cgroup.js';
import { core_entry, task_kobj_ids_entry } from './gen/core.js';
import { cpuinfo_entry } from './gen/cpuinfo.js';
import { creds_entry } from './gen/creds.js';
import { eventfd_file_entry } from './gen/eventfd.js';
import { eventpoll_file_entry, eventpoll_tfd_entry } from './gen/eventpoll.js';
import { ext_file_entry } from './gen/ext-file.js';
import { fdinfo_entry, file_entry } from './gen/fdinfo.js';
import { irmap_cache_entry } from './gen/fh.js';
import { fifo_entry } from './gen/fifo.js';
import { file_lock_entry } from './gen/file-lock.js';
import { fs_entry } from './gen/fs.js';
import { fanotify_file_entry, fanotify_mark_entry, inotify_file_entry, inotify_wd_entry } from './gen/fsnotify.js';
import { ghost_chunk_entry, ghost_file_entry } from './gen/ghost-file.js';
import { inventory_entry } from './gen/inventory.js';
import { type ipc_msg, ipc_msg_entry } from './gen/ipc-msg.js';
import { ipc_sem_entry } from './gen/ipc-sem.js';
import { ipc_shm_entry } from './gen/ipc-shm.js';
import { ipc_var_entry } from './gen/ipc-var.js';
import { memfd_inode_entry } from './gen/memfd.js';
import { mm_entry } from './gen/mm.js';
import { mnt_entry } from './gen/mnt.js';
import { net_device_entry, netns_entry } from './gen/netdev.js';
import { ns_file_entry } from './gen/ns.js';
import { packet_sock_entry } from './gen/packet-sock.js';
import { pagemap_entry, pagemap_head } from './gen/pagemap.js';
import { pidfd_entry } from './gen/pidfd.js';
import { pidns_entry } from './gen/pidns.js';
import { pipe_entry } from './gen/pipe.js';
import { pipe_data_entry } from './gen/pipe-data.js';
import { pstree_entry } from './gen/pstree.js';
import { reg_file_entry } from './gen/regfile.js';
import { remap_file_path_entry } from './gen/remap-file-path.js';
import { rlimit_entry } from './gen/rlimit.js';
import { sa_entry } from './gen/sa.js';
import { seccomp_entry } from './gen/seccomp.js';
import { siginfo_entry } from './gen/siginfo.js';
import { signalfd_entry } from './gen/signalfd.js';
import { inet_sk_entry } from './gen/sk-inet.js';
import { netlink_sk_entry } from './gen/sk-netlink.js';
import { sk_packet_entry } from './gen/sk-packet.js';
import { unix_sk_entry } from './gen/sk-unix.js';
import { stats_entry } from './gen/stats.js';
import { tcp_stream_entry } from './gen/tcp-stream.js';
import { timens_entry } from './gen/timens.js';
import { itimer_entry, posix_timer_entry } from './gen/timer.js';
import { timerfd_entry } from './gen/timerfd.js';
import { tty_data_entry, tty_file_entry, tty_info_entry } from './gen/tty.js';
import { tunfile_entry } from './gen/tun.js';
import { userns_entry } from './gen/userns.js';
import { utsns_entry } from './gen/utsns.js';
import { vma_entry } from './gen/vma.js';
import { idInName, isRaw } from './layout.js';
import type { AnyImageType, EntryPart, ImageType, Layout, PayloadCodec, RawImageType, WithPayload } from './layout.js';
import type { MessageType } from './message/message-type.js';
import { bpfMapData, ghostChunk, ghostContent, packetData, pipeData, queuedMessages, semaphoreValues, shmSegment, tcpQueues } from './payloads.js';
import type { TcpQueues } from './payloads.js';

/** First word of everything that a checkpoint is made of. */
export const IMG_COMMON = 0x5456_4319;
/** First word of what is kept beside it: statistics, caches. */
export const IMG_SERVICE = 0x5510_5940;

/** A ghost file's first entry has its contents as payload, or none where chunks follow; the chunks are the rest. */
export type GhostEntry = { readonly message: ghost_file_entry; readonly payload?: Uint8Array } | WithPayload<ghost_chunk_entry>;

/** Every entry is this message, followed by this payload where there is one. */
function only<Message extends object, Payload>(message: MessageType<Message>, payload?: PayloadCodec<Message, Payload>): Layout {
  return { rest: part(message, payload) };
}

function part<Message extends object, Payload>(message: MessageType<Message>, payload?: PayloadCodec<Message, Payload>): EntryPart {
  // The table ties each codec to its message; beyond it, both are used only together.
  return { message: message, ...(payload && { payload: payload }) };
}

const PAGEMAP: Layout = { first: part(pagemap_head), rest: part(pagemap_entry) };
const GHOST_FILE: Layout = { first: part(ghost_file_entry, ghostContent), rest: part(ghost_chunk_entry, ghostChunk) };

function image<Entry>(kind: string, pattern: string, word: number, layout: Layout): ImageType<Entry> {
  return { kind, pattern, words: [IMG_COMMON, word], layout };
}

function serviceImage<Entry>(kind: string, pattern: string, word: number, layout: Layout): ImageType<Entry> {
  return { kind, pattern, words: [IMG_SERVICE, word], layout };
}

/**
 * Every kind of image made of messages: file name, words, messages, payload.
 * Not here: PAGES_OLD and SHM_PAGES_OLD, page contents under pagemap's words, as written before 2013.
 */
export const IMAGE_TYPES = {
  inventory: { kind: 'INVENTORY', pattern: 'inventory.img', words: [0x5831_3116], layout: only(inventory_entry) } as ImageType<inventory_entry>,
  fdinfo: image<fdinfo_entry>('FDINFO', 'fdinfo-%u.img', 0x5621_3732, only(fdinfo_entry)),
  pagemap: image<pagemap_head | pagemap_entry>('PAGEMAP', 'pagemap-%lu.img', 0x5608_4025, PAGEMAP),
  shmemPagemap: image<pagemap_head | pagemap_entry>('SHMEM_PAGEMAP', 'pagemap-shmem-%lu.img', 0x5608_4025, PAGEMAP),
  regFiles: image<reg_file_entry>('REG_FILES', 'reg-files.img', 0x5036_3636, only(reg_file_entry)),
  extFiles: image<ext_file_entry>('EXT_FILES', 'ext-files.img', 0x5925_5641, only(ext_file_entry)),
  nsFiles: image<ns_file_entry>('NS_FILES', 'ns-files.img', 0x6139_4011, only(ns_file_entry)),
  eventfdFile: image<eventfd_file_entry>('EVENTFD_FILE', 'eventfd.img', 0x4452_3722, only(eventfd_file_entry)),
  eventpollFile: image<eventpoll_file_entry>('EVENTPOLL_FILE', 'eventpoll.img', 0x4502_3858, only(eventpoll_file_entry)),
  eventpollTfd: image<eventpoll_tfd_entry>('EVENTPOLL_TFD', 'eventpoll-tfd.img', 0x4443_3746, only(eventpoll_tfd_entry)),
  signalfd: image<signalfd_entry>('SIGNALFD', 'signalfd.img', 0x5732_3820, only(signalfd_entry)),
  inotifyFile: image<inotify_file_entry>('INOTIFY_FILE', 'inotify.img', 0x4842_4431, only(inotify_file_entry)),
  inotifyWd: image<inotify_wd_entry>('INOTIFY_WD', 'inotify-wd.img', 0x5456_2009, only(inotify_wd_entry)),
  fanotifyFile: image<fanotify_file_entry>('FANOTIFY_FILE', 'fanotify.img', 0x5509_6122, only(fanotify_file_entry)),
  fanotifyMark: image<fanotify_mark_entry>('FANOTIFY_MARK', 'fanotify-mark.img', 0x5650_6035, only(fanotify_mark_entry)),
  core: image<core_entry>('CORE', 'core-%u.img', 0x5505_3847, only(core_entry)),
  ids: image<task_kobj_ids_entry>('IDS', 'ids-%u.img', 0x5443_2030, only(task_kobj_ids_entry)),
  mm: image<mm_entry>('MM', 'mm-%u.img', 0x5749_2820, only(mm_entry)),
  vmas: image<vma_entry>('VMAS', 'vmas-%u.img', 0x5412_3737, only(vma_entry)),
  pipes: image<pipe_entry>('PIPES', 'pipes.img', 0x5651_3555, only(pipe_entry)),
  pipesData: image<WithPayload<pipe_data_entry>>('PIPES_DATA', 'pipes-data.img', 0x5645_3709, only(pipe_data_entry, pipeData)),
  fifo: image<fifo_entry>('FIFO', 'fifo.img', 0x5836_4939, only(fifo_entry)),
  fifoData: image<WithPayload<pipe_data_entry>>('FIFO_DATA', 'fifo-data.img', 0x5933_3054, only(pipe_data_entry, pipeData)),
  pstree: image<pstree_entry>('PSTREE', 'pstree.img', 0x5027_3030, only(pstree_entry)),
  sigact: image<sa_entry>('SIGACT', 'sigacts-%u.img', 0x5534_4201, only(sa_entry)),
  unixsk: image<unix_sk_entry>('UNIXSK', 'unixsk.img', 0x5437_3943, only(unix_sk_entry)),
  inetsk: image<inet_sk_entry>('INETSK', 'inetsk.img', 0x5644_3851, only(inet_sk_entry)),
  packetsk: image<packet_sock_entry>('PACKETSK', 'packetsk.img', 0x6045_4618, only(packet_sock_entry)),
  netlinkSk: image<netlink_sk_entry>('NETLINK_SK', 'netlinksk.img', 0x5800_5614, only(netlink_sk_entry)),
  skQueues: image<WithPayload<sk_packet_entry>>('SK_QUEUES', 'sk-queues.img', 0x5626_4026, only(sk_packet_entry, packetData)),
  itimers: image<itimer_entry>('ITIMERS', 'itimers-%u.img', 0x5746_4056, only(itimer_entry)),
  posixTimers: image<posix_timer_entry>('POSIX_TIMERS', 'posix-timers-%u.img', 0x5260_3957, only(posix_timer_entry)),
  creds: image<creds_entry>('CREDS', 'creds-%u.img', 0x5402_3547, only(creds_entry)),
  utsns: image<utsns_entry>('UTSNS', 'utsns-%u.img', 0x5447_3203, only(utsns_entry)),
  ipcVar: image<ipc_var_entry>('IPC_VAR', 'ipcns-var-%u.img', 0x5311_5007, only(ipc_var_entry)),
  ipcnsShm: image<WithPayload<ipc_shm_entry>>('IPCNS_SHM', 'ipcns-shm-%u.img', 0x4628_3044, only(ipc_shm_entry, shmSegment)),
  ipcnsMsg: image<WithPayload<ipc_msg_entry, WithPayload<ipc_msg>[]>>('IPCNS_MSG', 'ipcns-msg-%u.img', 0x5545_3737, only(ipc_msg_entry, queuedMessages)),
  ipcnsSem: image<WithPayload<ipc_sem_entry, number[]>>('IPCNS_SEM', 'ipcns-sem-%u.img', 0x5957_3019, only(ipc_sem_entry, semaphoreValues)),
  fs: image<fs_entry>('FS', 'fs-%u.img', 0x5140_3912, only(fs_entry)),
  remapFpath: image<remap_file_path_entry>('REMAP_FPATH', 'remap-fpath.img', 0x5913_3954, only(remap_file_path_entry)),
  ghostFile: image<GhostEntry>('GHOST_FILE', 'ghost-file-%x.img', 0x5258_3605, GHOST_FILE),
  memfdInode: image<memfd_inode_entry>('MEMFD_INODE', 'memfd.img', 0x4845_3499, only(memfd_inode_entry)),
  tcpStream: image<WithPayload<tcp_stream_entry, TcpQueues>>('TCP_STREAM', 'tcp-stream-%x.img', 0x5146_5506, only(tcp_stream_entry, tcpQueues)),
  mnts: image<mnt_entry>('MNTS', 'mountpoints-%u.img', 0x5556_3928, only(mnt_entry)),
  netdev: image<net_device_entry>('NETDEV', 'netdev-%u.img', 0x5737_3951, only(net_device_entry)),
  netns: image<netns_entry>('NETNS', 'netns-%u.img', 0x5593_3752, only(netns_entry)),
  autofs: image<autofs_entry>('AUTOFS', 'autofs-%u.img', 0x4935_3943, only(autofs_entry)),
  binfmtMiscOld: image<binfmt_misc_entry>('BINFMT_MISC_OLD', 'binfmt-misc-%u.img', 0x6734_3323, only(binfmt_misc_entry)),
  binfmtMisc: image<binfmt_misc_entry>('BINFMT_MISC', 'binfmt-misc.img', 0x6734_3323, only(binfmt_misc_entry)),
  ttyFiles: image<tty_file_entry>('TTY_FILES', 'tty.img', 0x5943_3025, only(tty_file_entry)),
  ttyInfo: image<tty_info_entry>('TTY_INFO', 'tty-info.img', 0x5945_3036, only(tty_info_entry)),
  ttyData: image<tty_data_entry>('TTY_DATA', 'tty-data.img', 0x5941_3026, only(tty_data_entry)),
  fileLocks: image<file_lock_entry>('FILE_LOCKS', 'filelocks.img', 0x5432_3616, only(file_lock_entry)),
  rlimit: image<rlimit_entry>('RLIMIT', 'rlimit-%u.img', 0x5711_3925, only(rlimit_entry)),
  signal: image<siginfo_entry>('SIGNAL', 'signal-s-%u.img', 0x5925_5647, only(siginfo_entry)),
  psignal: image<siginfo_entry>('PSIGNAL', 'signal-p-%u.img', 0x5925_5647, only(siginfo_entry)),
  tunfile: image<tunfile_entry>('TUNFILE', 'tunfile.img', 0x5714_3751, only(tunfile_entry)),
  cgroup: image<cgroup_entry>('CGROUP', 'cgroup.img', 0x5938_3330, only(cgroup_entry)),
  timerfd: image<timerfd_entry>('TIMERFD', 'timerfd.img', 0x5049_3712, only(timerfd_entry)),
  cpuinfo: image<cpuinfo_entry>('CPUINFO', 'cpuinfo.img', 0x6140_4013, only(cpuinfo_entry)),
  seccomp: image<seccomp_entry>('SECCOMP', 'seccomp.img', 0x6441_3049, only(seccomp_entry)),
  userns: image<userns_entry>('USERNS', 'userns-%u.img', 0x5547_4906, only(userns_entry)),
  files: image<file_entry>('FILES', 'files.img', 0x5630_3138, only(file_entry)),
  timens: image<timens_entry>('TIMENS', 'timens-%u.img', 0x4311_4433, only(timens_entry)),
  pidns: image<pidns_entry>('PIDNS', 'pidns-%u.img', 0x6115_7326, only(pidns_entry)),
  bpfmapFile: image<bpfmap_file_entry>('BPFMAP_FILE', 'bpfmap-file.img', 0x5750_6142, only(bpfmap_file_entry)),
  bpfmapData: image<WithPayload<bpfmap_data_entry>>('BPFMAP_DATA', 'bpfmap-data.img', 0x6432_4033, only(bpfmap_data_entry, bpfMapData)),
  apparmor: image<apparmor_entry>('APPARMOR', 'apparmor.img', 0x5942_3047, only(apparmor_entry)),
  pidfd: image<pidfd_entry>('PIDFD', 'pidfd.img', 0x5443_5556, only(pidfd_entry)),
  statsDump: serviceImage<stats_entry>('STATS', 'stats-dump', 0x5709_3306, only(stats_entry)),
  statsRestore: serviceImage<stats_entry>('STATS', 'stats-restore', 0x5709_3306, only(stats_entry)),
  irmapCache: serviceImage<irmap_cache_entry>('IRMAP_CACHE', 'irmap-cache', 0x5700_4059, only(irmap_cache_entry)),
} as const;

/** Files of an image set that are not made of messages. */
export const RAW_IMAGE_TYPES = {
  ifaddr: { kind: 'IFADDR', pattern: 'ifaddr-%u.img', words: [], holds: 'rtnetlink' },
  route: { kind: 'ROUTE', pattern: 'route-%u.img', words: [], holds: 'rtnetlink' },
  route6: { kind: 'ROUTE6', pattern: 'route6-%u.img', words: [], holds: 'rtnetlink' },
  rule: { kind: 'RULE', pattern: 'rule-%u.img', words: [], holds: 'rtnetlink' },
  iptables: { kind: 'IPTABLES', pattern: 'iptables-%u.img', words: [], holds: 'text' },
  ip6tables: { kind: 'IP6TABLES', pattern: 'ip6tables-%u.img', words: [], holds: 'text' },
  nftables: { kind: 'NFTABLES', pattern: 'nftables-%u.img', words: [], holds: 'text' },
  tmpfsImg: { kind: 'TMPFS_IMG', pattern: 'tmpfs-%u.tar.gz.img', words: [], holds: 'tar.gz' },
  tmpfsDev: { kind: 'TMPFS_DEV', pattern: 'tmpfs-dev-%u.tar.gz.img', words: [], holds: 'tar.gz' },
  pages: { kind: 'PAGES', pattern: 'pages-%u.img', words: [], holds: 'pages' },
  netnfCt: { kind: 'NETNF_CT', pattern: 'netns-ct-%u.img', words: [], holds: 'ctnetlink' },
  netnfExp: { kind: 'NETNF_EXP', pattern: 'netns-exp-%u.img', words: [], holds: 'ctnetlink' },
} as const satisfies Record<string, RawImageType>;

/** The kind of a file, told by its words as `crit` does. @throws ImageCorrupt where no kind begins so */
export function imageTypeOfWords(file: string, first: number, second: number | undefined): ImageType<unknown> {
  const commonFirst = first === IMG_COMMON || first === IMG_SERVICE;
  const word = commonFirst ? second : first;
  const found = (Object.values(IMAGE_TYPES) as ImageType<unknown>[]).find((type) => type.words.at(-1) === word);
  if (found === undefined) throw new ImageCorrupt({ file, offset: commonFirst ? 4 : 0, why: word === undefined ? 'the file ends within its first words' : `no image kind begins with the word 0x${word.toString(16)}` });
  return found;
}

/** The kind of a file and its id, told by its name; undefined where no kind has such names. */
export function imageTypeOfName(name: string): { type: AnyImageType; id: bigint | null } | undefined {
  for (const type of [...Object.values(IMAGE_TYPES), ...Object.values(RAW_IMAGE_TYPES)] as AnyImageType[]) {
    const id = idInName(type, name);
    if (id !== undefined) return { type, id };
  }
  return undefined;
}

/** The kind that JSON names in "magic". */
export function imageTypeOfKind(kind: string): AnyImageType | undefined {
  return ([...Object.values(IMAGE_TYPES), ...Object.values(RAW_IMAGE_TYPES)] as AnyImageType[]).find((type) => type.kind === kind);
}

export { isRaw };
