// Memory: tracking, faults, guards.
import { KCMP, kcmp_epoll_slot, MAP, O, PAGE_IS, PAGEMAP_SCAN, pm_scan_arg, PM_BIT, PROT, SYS, UFFD, UFFD_FEATURE, uffdio_api } from '@criu-ts/kernel/abi';
import { ioctl, Memory, open, OwnedFd, preadFully, rawSyscall, sys } from '@criu-ts/kernel/sys';
import type { Bench } from './bench.js';
import { type Feature, feature } from './feature.js';

const PAGE = 4096;
/** _IOWR(0xaa, 0x3f, struct uffdio_api) */
const UFFDIO_API = 0xc018_aa3f;
const MADV_GUARD_INSTALL = 102;
const MFD_HUGETLB = 4;
const EINVAL = -22;
const ENOENT = -2;

/** Features that a new userfaultfd offers; UFFDIO_API with none asked for tells them all. */
function faultFeatures({ memory }: Bench): bigint {
  using fd = new OwnedFd(sys(SYS.userfaultfd, O.CLOEXEC | UFFD.USER_MODE_ONLY));
  uffdio_api.write(memory.view, 0, { api: BigInt(UFFD.API), features: 0n, ioctls: 0n });
  ioctl(fd, UFFDIO_API, memory.address);
  return uffdio_api.read(memory.view, 0).features;
}

const NONCOOPERATIVE = BigInt(UFFD_FEATURE.EVENT_FORK | UFFD_FEATURE.EVENT_REMAP | UFFD_FEATURE.EVENT_REMOVE);

/** One fresh page of ours. */
function withPage<T>(use: (address: number) => T): T {
  const address = sys(SYS.mmap, 0, PAGE, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  try {
    return use(address);
  } finally {
    sys(SYS.munmap, address, PAGE);
  }
}

/** Regions of the page that have the category. */
function scan(memory: Memory, address: number, category: number): number {
  using pagemap = open('/proc/self/pagemap', O.RDONLY);
  pm_scan_arg.write(memory.view, 0, {
    size: BigInt(pm_scan_arg.size), flags: 0n, start: address, end: address + PAGE, walk_end: 0, vec: memory.address + 1024, vec_len: 4n, max_pages: 0n,
    category_inverted: 0n, category_mask: BigInt(category), category_anyof_mask: 0n, return_mask: BigInt(category),
  });
  return ioctl(pagemap, PAGEMAP_SCAN, memory.address);
}

export const memoryFeatures: readonly Feature[] = [
  feature('mem_dirty_track', 'extra', { neededFor: 'finding changed pages by soft-dirty bits (incremental dumps)', without: 'changed pages are found by userfaultfd; or all pages are written', since: 'CONFIG_MEM_SOFT_DIRTY' }, () => {
    const memory = new Memory(2 * PAGE);
    memory.bytes.fill(1);
    using pagemap = open('/proc/self/pagemap', O.RDONLY);
    const entry = new Memory(8);
    preadFully(pagemap, entry.address, 8, Math.ceil(memory.address / PAGE) * 8);
    return (entry.view.getBigUint64(0, true) & (1n << BigInt(PM_BIT.SOFT_DIRTY))) !== 0n || 'pages that were written do not show as dirty';
  }),
  feature('pagemap_scan', 'extra', { neededFor: 'finding pages quickly', without: '/proc/PID/pagemap is read instead', since: '6.7' }, ({ memory }) => withPage((address) => scan(memory, address, PAGE_IS.PRESENT) === 0)),
  feature('pagemap_scan_guard_pages', 'extra', { neededFor: 'dumping guard pages (MADV_GUARD_INSTALL)', without: 'run the program with a C library that does not use them', since: '6.15' }, ({ memory }) =>
    withPage((address) => {
      sys(SYS.madvise, address, PAGE, MADV_GUARD_INSTALL);
      return scan(memory, address, PAGE_IS.GUARD) === 1;
    }),
  ),
  feature('uffd', 'extra', { neededFor: 'filling memory beside the restore of the rest, and after it (lazy pages)', without: 'a kernel with CONFIG_USERFAULTFD; allow userfaultfd(2) in the seccomp profile', since: '4.3' }, (bench) => faultFeatures(bench) >= 0n),
  feature('uffd-noncoop', 'extra', { neededFor: 'lazy pages of processes that fork, move or drop memory', without: 'restore without lazy pages', since: '4.11' }, (bench) => (faultFeatures(bench) & NONCOOPERATIVE) === NONCOOPERATIVE),
  feature('memfd_hugetlb', 'extra', { neededFor: 'memory of huge pages, shared or in memfds', without: 'run the program without huge pages; a kernel with CONFIG_HUGETLBFS', since: '4.14' }, ({ memory }) => {
    const result = rawSyscall(SYS.memfd_create, memory.putString('check'), 1 | MFD_HUGETLB);
    if (result >= 0) new OwnedFd(result)[Symbol.dispose]();
    return result >= 0 || (result !== EINVAL && result !== ENOENT);
  }),
  feature('kcmp_epoll', 'extra', { neededFor: 'telling which file an epoll watches, after its descriptor was moved', without: 'such epolls are refused', since: '4.13' }, ({ memory }) => {
    using epoll = new OwnedFd(sys(SYS.epoll_create1, O.CLOEXEC));
    using target = new OwnedFd(sys(SYS.eventfd2, 0, O.CLOEXEC));
    memory.bytes.fill(0, 0, 16);
    memory.view.setUint32(0, 1, true);
    sys(SYS.epoll_ctl, epoll.number, 1, target.number, memory.address);
    kcmp_epoll_slot.write(memory.view, 64, { efd: epoll.number, tfd: target.number, toff: 0 });
    return rawSyscall(SYS.kcmp, process.pid, process.pid, KCMP.EPOLL_TFD, target.number, memory.address + 64) === 0;
  }),
];
