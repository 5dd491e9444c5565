import t from 'tap';
import type { ipc_var_entry } from '@criu-ts/images';
import { describeSysctls, parseNumbers, type Sysctls, wantedSysctls, widened } from './sysctls.js';

const ENTRY: ipc_var_entry = {
  semCtls: [32000, 1024000000, 500, 32000], msgCtlmax: 8192, msgCtlmnb: 16384, msgCtlmni: 32000, autoMsgmni: 0, shmCtlmax: 18446744073692774399n, shmCtlall: 18446744073692774399n,
  shmCtlmni: 4096, shmRmidForced: 0, mqQueuesMax: 256, mqMsgMax: 10, mqMsgsizeMax: 8192, mqMsgDefault: 10, mqMsgsizeDefault: 8192,
};

t.test('numbers of a sysctl', async (t) => {
  t.same(parseNumbers('32000\t1024000000\t500\t32000\n'), [32000n, 1024000000n, 500n, 32000n]);
  t.same(parseNumbers('18446744073692774399\n'), [18446744073692774399n]);
  t.same(parseNumbers('-1\n'), [-1n]);
  t.throws(() => parseNumbers('many\n'), SyntaxError);
});

t.test('into the images and back', async (t) => {
  t.same(describeSysctls(wantedSysctls(ENTRY)), ENTRY);
  const wish = { ...ENTRY, shmNextId: 7 };
  t.same(describeSysctls(wantedSysctls(wish)), wish, 'with a wish for an id');
  t.same(describeSysctls(new Map([...wantedSysctls(ENTRY), ['semNextId', [-1n]]] as const)), ENTRY, 'no wish is left out');
  const { mqQueuesMax: _a, ...lacking } = ENTRY;
  t.equal(describeSysctls(wantedSysctls(lacking as ipc_var_entry)).mqQueuesMax, 0, 'what a kernel lacks is 0, as CRIU has it');
  t.throws(() => wantedSysctls({ ...ENTRY, semCtls: [1] }), { code: 'image-corrupt' });
});

t.test('limits meanwhile', async (t) => {
  const current = wantedSysctls(ENTRY);
  const wide = (more: Partial<ipc_var_entry>, bytes: number): Sysctls => widened(current, wantedSysctls({ ...ENTRY, ...more }), bytes);
  t.same(wide({ shmCtlmni: 5 }, 0).get('shmCtlmni'), [4096n], 'what is to be less stays, for now');
  t.same(wide({ shmCtlmni: 9000 }, 0).get('shmCtlmni'), [9000n], 'what is to be more is so at once');
  t.same(wide({ semCtls: [40000, 5, 500, 1] }, 0).get('semCtls'), [40000n, 1024000000n, 500n, 32000n], 'each number by itself');
  t.same(wide({}, 20_000).get('msgCtlmnb'), [20_000n], 'a queue that holds more than it would take now');
  t.equal(wide({ shmRmidForced: 1 }, 0).get('shmRmidForced'), undefined, 'what takes away comes last');
});
