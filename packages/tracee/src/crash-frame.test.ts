import t from 'tap';
import { SYS } from '@criu-ts/kernel/abi';
import { CRASH_FRAME_HEAD, crashFrame, crashFrameSize, numberOfSyscall, OWN_FRAME, resolveRestart, resolveRestartAnew, SCRATCH_DATA_SIZE, scratchData, scratchSize } from './crash-frame.js';
import { REG, type RegisterName, Registers } from './registers.js';
import { signalXstate, XFEATURE, XSAVE_HEADER, xstateLayout, xstateSize } from './xstate.js';

/** Every register another value. */
function numbered(): Registers {
  const registers = new Registers();
  for (const [name, i] of Object.entries(REG)) registers.set(name as RegisterName, 0x1000_0000_0000n + BigInt(i));
  registers.set('cs', 0x33);
  registers.set('ss', 0x2b);
  return registers;
}

t.test('a frame as struct rt_sigframe has it (arch/x86/include/uapi/asm/sigcontext.h)', async (t) => {
  const registers = numbered();
  const xstate = new Uint8Array(2696).map((_, i) => i & 0xff);
  new DataView(xstate.buffer).setBigUint64(464, 0xe7n, true);
  const at = 0x7ff0_0000_1000;
  const bytes = crashFrame(at, 0x1234, { registers, sigmask: 0xabn, xstate });
  const view = new DataView(bytes.buffer);
  const word = (offset: number): bigint => view.getBigUint64(offset, true);
  t.equal(bytes.length, crashFrameSize(xstate.length));
  t.equal(word(0), 0x1234n, 'pretcode');
  t.equal(word(8), 7n, 'uc_flags: an XSAVE area, ss is good');
  t.equal(word(16), 0n, 'uc_link');
  t.equal(view.getInt32(32, true), 0x7fff, 'an alternate stack that sigaltstack refuses');
  const sigcontext: [offset: number, register: RegisterName][] = [
    [0, 'r8'], [8, 'r9'], [16, 'r10'], [24, 'r11'], [32, 'r12'], [40, 'r13'], [48, 'r14'], [56, 'r15'], [64, 'rdi'], [72, 'rsi'],
    [80, 'rbp'], [88, 'rbx'], [96, 'rdx'], [104, 'rax'], [112, 'rcx'], [120, 'rsp'], [128, 'rip'], [136, 'eflags'],
  ];
  for (const [offset, name] of sigcontext) t.equal(word(48 + offset), registers.get(name), name);
  t.equal(view.getUint16(48 + 144, true), 0x33, 'cs');
  t.equal(view.getUint16(48 + 150, true), 0x2b, 'ss');
  t.equal(word(48 + 184), BigInt(at + CRASH_FRAME_HEAD), 'fpstate');
  t.equal((at + CRASH_FRAME_HEAD) % 64, 0, 'XRSTOR wants it aligned');
  t.equal(word(48 + 256), 0xabn, 'the mask');
  const fpu = CRASH_FRAME_HEAD;
  t.equal(view.getUint32(fpu + 464, true), 0x46505853, 'magic 1');
  t.equal(view.getUint32(fpu + 468, true), xstate.length + 4, 'extended size');
  t.equal(word(fpu + 472), 0xe7n, 'features');
  t.equal(view.getUint32(fpu + 480, true), xstate.length, 'size');
  t.equal(view.getUint32(fpu + xstate.length, true), 0x46505845, 'magic 2');
  t.same(bytes.subarray(fpu, fpu + 464), xstate.subarray(0, 464), 'the legacy area');
  t.same(bytes.subarray(fpu + 512, fpu + xstate.length), xstate.subarray(512), 'header and components');
});

t.test('without FPU state', async (t) => {
  const bytes = crashFrame(0x1000, 1, { registers: numbered(), sigmask: 0n });
  t.equal(bytes.length, CRASH_FRAME_HEAD);
  t.equal(new DataView(bytes.buffer).getBigUint64(232, true), 0n);
});

t.test('the scratch area holds both frames, then data', async (t) => {
  t.ok(scratchData() >= OWN_FRAME + crashFrameSize(xstateSize()));
  t.equal(scratchData() % 64, 0);
  t.equal(OWN_FRAME % 64, 0);
  t.equal(scratchSize(), scratchData() + SCRATCH_DATA_SIZE);
});

t.test('a frame has room for AMX only where it is in use', async (t) => {
  // As a CPU with AMX has it: XTILE_CFG at 2752, XTILE_DATA at 2816.
  const components = new Map([[XFEATURE.YMM, { offset: 576, size: 256 }], [XFEATURE.PKRU, { offset: 2688, size: 8 }], [XFEATURE.XTILE_CFG, { offset: 2752, size: 64 }], [XFEATURE.XTILE_DATA, { offset: 2816, size: 8192 }]]);
  const area = (features: bigint): Uint8Array => {
    const bytes = new Uint8Array(11008);
    new DataView(bytes.buffer).setBigUint64(XSAVE_HEADER, features, true);
    return bytes;
  };
  t.equal(signalXstate(area(0x7n), components).length, 2696);
  t.equal(signalXstate(area(0x6_0007n), components).length, 11008);
  t.equal(signalXstate(area(0x7n), new Map()).length, 576, 'a CPU with nothing but SSE');
  for (const { offset, size } of xstateLayout().values()) t.ok(offset + size <= xstateSize());
});

const ERESTARTSYS = -512;
const ERESTARTNOINTR = -513;
const ERESTARTNOHAND = -514;
const ERESTART_RESTARTBLOCK = -516;
const RIP = 0x5000;

/** Registers after `syscall` returned that. */
function returned(nr: number, result: number): Registers {
  const registers = new Registers();
  registers.set('rip', RIP);
  registers.set('rax', result);
  registers.set('origRax', nr);
  return registers;
}

t.test('interrupted calls', async (t) => {
  const rows: [name: string, nr: number, result: number, number: number | undefined, rip: number, rax: number, anew: number][] = [
    ['no call', -1, ERESTARTSYS, undefined, RIP, ERESTARTSYS, ERESTARTSYS],
    ['one that is through', SYS.read, 5, undefined, RIP, 5, 5],
    ['one that failed', SYS.read, -4, undefined, RIP, -4, -4],
    ['ERESTARTSYS', SYS.read, ERESTARTSYS, undefined, RIP - 2, SYS.read, SYS.read],
    ['ERESTARTNOINTR', SYS.clone, ERESTARTNOINTR, undefined, RIP - 2, SYS.clone, SYS.clone],
    ['ERESTARTNOHAND', SYS.pause, ERESTARTNOHAND, undefined, RIP - 2, SYS.pause, SYS.pause],
    ['a restart block', SYS.nanosleep, ERESTART_RESTARTBLOCK, undefined, RIP - 2, SYS.restart_syscall, SYS.nanosleep],
    ['for the second time', SYS.restart_syscall, ERESTART_RESTARTBLOCK, SYS.poll, RIP - 2, SYS.restart_syscall, SYS.poll],
    ['for the second time, of who knows what', SYS.restart_syscall, ERESTART_RESTARTBLOCK, undefined, RIP - 2, SYS.restart_syscall, SYS.restart_syscall],
  ];
  for (const [name, nr, result, number, rip, rax, anew] of rows) {
    const registers = returned(nr, result);
    const words = [...registers.words];
    const out = resolveRestart(registers);
    t.same([Number(out.get('rip')), Number(out.getSigned('rax')), Number(out.getSigned('origRax'))], [rip, rax, -1], name);
    const made = resolveRestartAnew(registers, number);
    t.same([Number(made.get('rip')), Number(made.getSigned('rax'))], [rip, anew], `${name}, made anew`);
    t.same([...registers.words], words, `${name}: a copy`);
  }
});

t.test("a call's number from the code before it", async (t) => {
  const rows: [name: string, code: string, nr: number | undefined][] = [
    ['clock_nanosleep', 'b8e60000000f05', SYS.clock_nanosleep],
    ['poll', 'b8070000000f05', SYS.poll],
    ['a call that never asks for it', 'b8000000000f05', undefined],
    ['no syscall', 'b8e60000000f06', undefined],
    ['another instruction before it', '90e60000000f05', undefined],
    ['too short', '0f05', undefined],
  ];
  for (const [name, code, nr] of rows) t.equal(numberOfSyscall(Buffer.from(code, 'hex')), nr, name);
});
