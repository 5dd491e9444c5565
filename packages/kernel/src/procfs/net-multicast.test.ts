import t from 'tap';
import { ProcFormatError } from './errors.js';
import { parseIgmp, parseIgmp6, readMulticastGroups } from './net-multicast.js';

t.test('igmp', async (t) => {
  const text = `Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
12\tenp0s31f6 :     2      V2
\t\t\t\tFB0000E0     3 1:00000123\t\t1
\t\t\t\t010000E0     1 0:00000000\t\t0
`;
  t.same(parseIgmp(text), [
    { index: 1, device: 'lo', group: Uint8Array.of(224, 0, 0, 1), users: 1 },
    { index: 12, device: 'enp0s31f6', group: Uint8Array.of(224, 0, 0, 251), users: 3 },
    { index: 12, device: 'enp0s31f6', group: Uint8Array.of(224, 0, 0, 1), users: 1 },
  ]);
  t.throws(() => parseIgmp('title\n\t\t\t\t010000E0     1 0:00000000\t\t0\n'), ProcFormatError);
  t.throws(() => parseIgmp('title\nnonsense\n'), ProcFormatError);
});

t.test('igmp6', async (t) => {
  const text = `1    lo              ff020000000000000000000000000001     1 0000000C 0
12   enp0s31f6       ff0200000000000000000001ffbc614e     2 00000004 0
`;
  const [first, second] = parseIgmp6(text);
  t.match(first, { index: 1, device: 'lo', users: 1 });
  t.equal(Buffer.from(second?.group ?? []).toString('hex'), 'ff0200000000000000000001ffbc614e');
  t.throws(() => parseIgmp6('1 lo\n'), ProcFormatError);
});

t.test('of this host', async (t) => {
  for (const v6 of [false, true]) t.ok(readMulticastGroups(v6).every(({ group }) => group.length === (v6 ? 16 : 4)));
});
