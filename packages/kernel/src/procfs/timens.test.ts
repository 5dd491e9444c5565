import t from 'tap';
import { ProcFormatError } from './errors.js';
import { parseClockOffsets, readClockOffsets } from './timens.js';

t.test('timens_offsets', async (t) => {
  t.same(parseClockOffsets('monotonic           0         0\nboottime            0         0\n'), { monotonic: 0n, boottime: 0n });
  t.same(parseClockOffsets('monotonic          -5 500000000\nboottime       720000         1\n'), { monotonic: -4_500_000_000n, boottime: 720_000_000_000_001n });
});

for (const text of ['', 'monotonic 0 0\n', 'monotonic 0\nboottime 0 0\n', 'monotonic x 0\nboottime 0 0\n', 'monotonic 0 -1\nboottime 0 0\n']) {
  t.test(`timens_offsets: ${JSON.stringify(text)}`, async (t) => void t.throws(() => parseClockOffsets(text), ProcFormatError));
}

t.test('our own', async (t) => void t.type(readClockOffsets('self').monotonic, 'bigint'));
