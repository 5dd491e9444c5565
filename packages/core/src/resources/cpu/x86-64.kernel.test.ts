import { Registers, REG, type RegisterName, XSAVE_HEADER, xstateLayout } from '@criu-ts/tracee';
import t from 'tap';
import { captureThreadInfo, restoreRegisters, restoreXstate } from './x86-64.js';

t.test('registers come back as they were', (t) => {
  const registers = new Registers();
  Object.keys(REG).forEach((name, i) => registers.set(name as RegisterName, 0xf000_0000_0000_0000n + BigInt(i)));
  const info = captureThreadInfo(registers, new Uint8Array(4096), []);
  t.same([...restoreRegisters(info).words], [...registers.words]);
  t.end();
});

t.test('every component that this CPU has comes back as it was', (t) => {
  const end = Math.max(832, ...[...xstateLayout()].filter(([bit]) => bit <= 9).map(([, { offset, size }]) => offset + size));
  const area = new Uint8Array(end);
  const kept = new Set<number>();
  const fill = (from: number, length: number): void => {
    for (let i = from; i < from + length; i++) {
      area[i] = (i * 7 + 1) & 0xff;
      kept.add(i);
    }
  };
  // The FXSAVE area but for its reserved end, and the abridged tag word's high byte.
  fill(0, 416);
  area[5] = 0;
  let features = 3n;
  for (const [bit, { offset, size }] of xstateLayout()) {
    if (bit > 9) continue;
    features |= 1n << BigInt(bit);
    fill(offset, size);
  }
  new DataView(area.buffer).setBigUint64(XSAVE_HEADER, features, true);
  const { fpregs } = captureThreadInfo(new Registers(), area, []);
  const back = restoreXstate(fpregs, new Uint8Array(end));
  t.same([...kept].filter((i) => back[i] !== area[i]), [], 'bytes that differ');
  t.equal(new DataView(back.buffer).getBigUint64(XSAVE_HEADER, true), features);
  t.end();
});

t.test('an image with a component that no CPU has here is refused', (t) => {
  if (xstateLayout().has(3)) {
    t.plan(0, 'this CPU has MPX: there is no component to lack');
    return;
  }
  const { fpregs } = captureThreadInfo(new Registers(), new Uint8Array(4096), []);
  const { xsave } = fpregs;
  if (xsave === undefined) throw new Error('there is an xsave part');
  const with_ = (xstateBv: bigint) => ({ ...fpregs, xsave: { ...xsave, xstateBv, bndregState: [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n] } });
  t.throws(() => restoreXstate(with_(8n), new Uint8Array(4096)), { code: 'host-cpu' });
  t.doesNotThrow(() => restoreXstate(with_(3n), new Uint8Array(4096)), 'there, but not in use');
  t.end();
});

t.test('registers without a place in the image are refused', (t) => {
  const area = new Uint8Array(4096);
  new DataView(area.buffer).setBigUint64(XSAVE_HEADER, (1n << 18n) | 3n, true);
  t.throws(() => captureThreadInfo(new Registers(), area, []), { code: 'unsupported-registers', message: /XSAVE components 0x40000/, hint: /AMX/ });
  t.end();
});
