import t from 'tap';
import { parseControl, writeCredentials, writeRights } from './control-messages.js';

t.test('credentials there and back', async (t) => {
  const bytes = writeCredentials({ pid: 7, uid: 4_294_967_294, gid: 12 });
  t.equal(bytes.length, 32);
  t.strictSame(parseControl(bytes), { rights: [], credentials: { pid: 7, uid: 4_294_967_294, gid: 12 } });
});

t.test('several messages; nothing; a length that can not be', async (t) => {
  const both = Buffer.concat([writeRights([]), writeCredentials({ pid: 1, uid: 2, gid: 3 })]);
  t.strictSame(parseControl(both), { rights: [], credentials: { pid: 1, uid: 2, gid: 3 } });
  t.strictSame(parseControl(new Uint8Array(0)), { rights: [], credentials: undefined });
  t.strictSame(parseControl(new Uint8Array(40)), { rights: [], credentials: undefined });
});

t.test('of an unknown kind', async (t) => {
  const bytes = writeCredentials({ pid: 1, uid: 2, gid: 3 });
  bytes[12] = 99;
  t.throws(() => parseControl(bytes), { message: /control messages of kind 1:99/ });
});
