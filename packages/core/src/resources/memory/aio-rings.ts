// Contexts of native asynchronous I/O: io_setup(2), io_submit(2); fs/aio.c. A context is known by the address of its ring, in
// which the kernel leaves what has been done; where it leaves the next word only it knows.
import type { mm_entry, vma_entry } from '@criu-ts/images';
import { MREMAP, O, SYS } from '@criu-ts/kernel/abi';
import type { Puppet } from '@criu-ts/tracee';
import { HostLacks, ImageCorrupt, type TaskName } from '../../errors.js';
import { cutRuns } from './page-set.js';
import type { StoredPages } from './stored-pages.js';
import { VMA } from './vma-status.js';

/** struct aio_ring: 8 words, then struct io_event, 32 bytes each. */
const HEADER = 32;
const EVENT = 32;
const WORD = { nr: 4, head: 8, tail: 12, magic: 16, compat: 20, incompat: 24, headerLength: 28 } as const;
const MAGIC = 0xa10a_10a1;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const eventsOf = (length: number): number => (length - HEADER) / EVENT;

/** Is it a ring as the kernel made it? The program could write into it. @param header its first 32 bytes, or more */
export function isSaneRing(header: Uint8Array, length: number): boolean {
  const view = viewOf(header);
  const word = (at: number): number => view.getUint32(at, true);
  const nr = word(WORD.nr);
  return word(WORD.magic) === MAGIC && word(WORD.compat) === 1 && word(WORD.incompat) === 0 && word(WORD.headerLength) === HEADER && nr === eventsOf(length) && word(WORD.head) < nr && word(WORD.tail) < nr;
}

/** In the images' words: for how many requests to ask so that the ring has this length (ioctx_alloc doubles them, and adds two). */
export function aioEntries(vmas: readonly vma_entry[]): mm_entry['aios'] {
  return vmas
    .filter(({ status }) => status & VMA.AIORING)
    .map(({ start, end }) => ({ id: start, nrReq: Math.floor((eventsOf(Number(end - start)) - 2) / 2), ringLen: Number(end - start) }));
}

/** Makes the contexts of a process whose mappings stand; their places are taken. @throws HostLacks, ImageCorrupt */
export function restoreAioRings(puppet: Puppet, { aios }: mm_entry, pages: StoredPages, task: TaskName): void {
  for (const { id, nrReq, ringLen } of aios) {
    const address = Number(id);
    const image = new Uint8Array(ringLen);
    for (const run of cutRuns(pages.runs, [address, address + ringLen])) pages.readInto(image.subarray(run.address - address, run.address - address + run.length), run.offset);
    if (!isSaneRing(image, ringLen)) throw new ImageCorrupt(`the ring of asynchronous I/O at 0x${address.toString(16)} is none`, { task });
    const context = setUp(puppet, nrReq);
    const nr = viewOf(puppet.tracee.read(context, HEADER)).getUint32(WORD.nr, true);
    if (nr !== eventsOf(ringLen)) {
      throw new HostLacks('aio', `a ring of asynchronous I/O has room for ${nr} events here, and had for ${eventsOf(ringLen)}`, { task, why: 'the kernel makes rings larger where there are more CPUs' });
    }
    advance(puppet, context, viewOf(image));
    puppet.tracee.write(context + HEADER, image.subarray(HEADER));
    puppet.batch((b) => b.doing('move a ring to its place').expect(address, SYS.mremap, context, ringLen, ringLen, MREMAP.MAYMOVE | MREMAP.FIXED, address));
  }
}

function setUp(puppet: Puppet, requests: number): number {
  const at = puppet.batch((b) => {
    const context = b.struct(8);
    b.doing('set up asynchronous I/O').call(SYS.io_setup, requests, context.address);
    return context.address;
  });
  return Number(viewOf(puppet.tracee.read(at, 8)).getBigUint64(0, true));
}

/** struct iocb; offsets of what is not 0. */
const IOCB = { size: 64, opcode: 16, fildes: 20, buf: 24, nbytes: 32 } as const;
const PWRITE = 1;
/** Requests of one call. */
const AT_ONCE = 256;

/** Has the kernel's own position come to where it was, by requests that do nothing. */
function advance(puppet: Puppet, context: number, ring: DataView): void {
  const [nr, head, tail] = [WORD.nr, WORD.head, WORD.tail].map((at) => ring.getUint32(at, true)) as [number, number, number];
  // Where the tail has come around, the kernel has to have come around too.
  const count = tail < head ? nr + tail : tail;
  if (count === 0) return;
  const fd = puppet.batch((b) => {
    const opened = b.doing('open /dev/null').call(SYS.open, b.string('/dev/null'), O.WRONLY);
    b.run();
    return b.result(opened);
  });
  for (let done = 0; done < count; ) {
    const part = Math.min(AT_ONCE, count - done, nr - 1);
    done += puppet.batch((b) => {
      const iocb = b.struct(IOCB.size);
      iocb.view.setUint16(IOCB.opcode, PWRITE, true);
      iocb.view.setUint32(IOCB.fildes, fd, true);
      iocb.view.setBigUint64(IOCB.buf, BigInt(iocb.address), true);
      iocb.view.setBigUint64(IOCB.nbytes, 1n, true);
      const list = b.struct(8 * part);
      for (let i = 0; i < part; i++) list.view.setBigUint64(8 * i, BigInt(iocb.address), true);
      const submitted = b.doing('move the position of a ring').call(SYS.io_submit, context, part, list.address);
      b.run();
      return b.result(submitted);
    });
    // As io_getevents(2) would: what is behind the head is free again.
    const word = new Uint8Array(4);
    viewOf(word).setUint32(0, Math.min(done, head), true);
    puppet.tracee.write(context + WORD.head, word);
  }
  puppet.call(SYS.close, fd);
}
