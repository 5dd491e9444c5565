import t from 'tap';
import type { vma_entry } from '@criu-ts/images';
import { PROT } from '@criu-ts/kernel/abi';
import { attachmentsOf } from './system-v.js';
import { VMA } from './vma-status.js';

const PAGE = 0x1000n;

function piece(id: number, start: bigint, page: bigint, pages: bigint, status: number = VMA.SYSVIPC): vma_entry {
  return { start, end: start + pages * PAGE, pgoff: page * PAGE, shmid: BigInt(id), prot: PROT.READ, flags: 1, status: VMA.REGULAR | VMA.ANON_SHARED | status, fd: -1n };
}

const rows = [
  { name: 'none', vmas: [piece(1, 0x10000n, 0n, 1n, 0)], found: [] },
  { name: 'one, whole', vmas: [piece(0, 0x10000n, 0n, 4n)], found: [{ id: 0, base: 0x10000, pieces: 1 }] },
  { name: 'with a hole', vmas: [piece(3, 0x10000n, 0n, 1n), piece(3, 0x12000n, 2n, 1n)], found: [{ id: 3, base: 0x10000, pieces: 2 }] },
  { name: 'without its beginning', vmas: [piece(3, 0x12000n, 2n, 1n)], found: [{ id: 3, base: 0x10000, pieces: 1 }] },
  { name: 'the same segment twice', vmas: [piece(3, 0x10000n, 0n, 1n), piece(3, 0x11000n, 0n, 1n)], found: [{ id: 3, base: 0x10000, pieces: 1 }, { id: 3, base: 0x11000, pieces: 1 }] },
  { name: 'in order of address', vmas: [piece(5, 0x10000n, 0n, 1n), piece(4, 0x20000n, 0n, 1n), piece(5, 0x30000n, 0n, 1n)], found: [{ id: 5, base: 0x10000, pieces: 1 }, { id: 4, base: 0x20000, pieces: 1 }, { id: 5, base: 0x30000, pieces: 1 }] },
];

for (const { name, vmas, found } of rows) {
  t.test(`attachments: ${name}`, async (t) => {
    t.same(attachmentsOf(vmas).map(({ id, base, pieces }) => ({ id, base, pieces: pieces.length })), found);
  });
}
