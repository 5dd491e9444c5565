import t from 'tap';
import { parseNetRaw } from './net-raw.js';

const TITLES = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';

t.test('lines of /proc/net/raw and raw6', async (t) => {
  const v4 = '   17: 0100007F:0011 0200007F:0000 01 00000000:00000000 00:00000000 00000000     0        0 6337 2 0000000000000000 0\n';
  t.strictSame(parseNetRaw(TITLES + v4), [{ inode: 6337, state: 1, local: Uint8Array.of(127, 0, 0, 1), remote: Uint8Array.of(127, 0, 0, 2) }]);
  const v6 = '   58: 00000000000000000000000000000000:003A 00000000000000000000000001000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 8 2 0000000000000000 0\n';
  t.strictSame(parseNetRaw(TITLES + v6)[0]?.remote, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
});

t.test('none', async (t) => {
  t.strictSame(parseNetRaw(TITLES), []);
  t.strictSame(parseNetRaw(''), []);
});
