import type { vma_entry } from '@criu-ts/images';
import t from 'tap';
import { aioEntries, isSaneRing } from './aio-rings.js';
import { VMA } from './vma-status.js';

const LENGTH = 8192;

function header(changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const words = [3, 255, 7, 20, 0xa10a_10a1, 1, 0, 32].map((word, i) => changes[i] ?? word);
  return new Uint8Array(Uint32Array.from(words).buffer);
}

t.test('a ring is what the kernel made it', async (t) => {
  t.ok(isSaneRing(header(), LENGTH));
  for (const [what, changes] of [['events', { 1: 254 }], ['head', { 2: 255 }], ['tail', { 3: 300 }], ['magic', { 4: 1 }], ['features', { 6: 1 }], ['length of the header', { 7: 64 }]] as const) {
    t.notOk(isSaneRing(header(changes), LENGTH), what);
  }
});

t.test('as many requests as give a ring of that length', async (t) => {
  const ring = { status: VMA.AIORING, start: 0x7000_0000n, end: 0x7000_0000n + BigInt(LENGTH) } as vma_entry;
  const [entry] = aioEntries([{ ...ring, status: VMA.REGULAR }, ring]);
  t.same(entry, { id: 0x7000_0000n, nrReq: 126, ringLen: LENGTH }, 'as CRIU has it for a ring of 64 requests');
  t.equal(Math.ceil((32 + 32 * (2 * (entry?.nrReq ?? 0) + 2)) / 4096) * 4096, LENGTH);
});
