// What puppets become when images say one thing or the other.
import t from 'tap';
import { core_entry_march, type core_entry, type creds_entry } from '@criu-ts/images';
import { CAP, PR, SYS } from '@criu-ts/kernel/abi';
import { readLoginUid, readOomScoreAdj, readStatus, threadOf } from '@criu-ts/kernel/procfs';
import { blankTaskCore, blankThreadCore } from './core-images.js';
import { ACTION_SIGNALS } from './sigactions.js';
import { Copy, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims() ?? false;
const own = readStatus('self');
const halves = (set: bigint): number[] => [Number(set & 0xffff_ffffn), Number(set >> 32n)];

function core(tc: Partial<core_entry['tc']> = {}, creds?: Partial<creds_entry>): core_entry {
  const root: creds_entry = {
    uid: 0, gid: 0, euid: 0, egid: 0, suid: 0, sgid: 0, fsuid: 0, fsgid: 0, secbits: 0, groups: [],
    capInh: [0, 0], capAmb: [0, 0], capPrm: halves(own.capPrm), capEff: halves(own.capEff), capBnd: halves(own.capBnd),
  };
  const sigactions = ACTION_SIGNALS.map(() => ({ sigaction: 0n, flags: 0n, restorer: 0n, mask: 0n }));
  return {
    mtype: core_entry_march.X86_64,
    tc: { ...blankTaskCore(), sigactions, ...tc },
    threadCore: { ...blankThreadCore(), ...(creds && { creds: { ...root, ...creds } }) },
  };
}

t.test('flags of the address space', { skip }, (t) => {
  for (const thpDisabled of [true, false]) {
    for (const dumpable of [0, 1]) {
      using copy = new Copy();
      const { puppet, pid } = copy.restore([core({}, { uid: 5, euid: 5, suid: 5, fsuid: 5 })], { thpDisabled, dumpable });
      t.equal(readStatus(pid).thpEnabled, !thpDisabled);
      t.equal(puppet.call(SYS.prctl, PR.GET_DUMPABLE), dumpable);
    }
  }
  using copy = new Copy();
  const { puppet } = copy.restore([core()], { dumpable: 2 });
  t.equal(puppet.call(SYS.prctl, PR.GET_DUMPABLE), 0);
  t.match(copy.at.warnings, ['dumpable was 2']);
  t.end();
});

t.test('what a puppet inherited is taken away', { skip }, (t) => {
  using copy = new Copy();
  const { pid, puppet } = copy.restore([core()]);
  const status = readStatus(pid);
  t.equal(status.sigIgn, 0n, 'Node ignores SIGPIPE');
  t.equal(status.sigCgt, 0n);
  const signal = puppet.batch((b) => {
    const at = b.struct(4);
    b.call(SYS.prctl, PR.GET_PDEATHSIG, at.address);
    return at.address;
  });
  t.same([...puppet.tracee.read(signal, 4)], [0, 0, 0, 0], 'no parent death signal');
  t.end();
});

t.test('oom_score_adj and loginuid', { skip }, (t) => {
  using copy = new Copy();
  const loginuid = readLoginUid('self') ?? 1234;
  const { pid } = copy.restore([core({ oomScoreAdj: 555, loginuid })]);
  t.equal(readOomScoreAdj(pid), 555);
  t.equal(readLoginUid(threadOf(pid, pid)), loginuid);
  t.end();
});

for (const [name, creds, wanted] of [
  ['a capability that no kernel has', { capPrm: halves(own.capPrm | (1n << 63n)) }, /capability 63, which this kernel does not know/],
  ['a capability that we lack', { capPrm: halves(~own.capPrm & 0x1ff_ffff_ffffn) }, /which we can't give/],
  ['a security label', { lsmProfile: 'docker-default' }, /security label docker-default/],
] as const) {
  const needless = name.includes('lack') && (~own.capPrm & 0x1ff_ffff_ffffn) === 0n ? 'we have all capabilities' : false;
  t.test(`refused: ${name}`, { skip: skip || needless }, (t) => {
    using copy = new Copy();
    t.throws(() => copy.restore([core({}, creds)]), wanted);
    t.end();
  });
}

t.test('a bounding set that is wider than ours is told, not refused', { skip: skip || (own.capBnd === 0x1ff_ffff_ffffn ? 'ours is full' : false) }, (t) => {
  using copy = new Copy();
  copy.restore([core({}, { capBnd: halves(0x1ff_ffff_ffffn) })]);
  t.match(copy.at.warnings, [/its bounding set had CAP_/]);
  t.end();
});

t.test('ambient capabilities survive securebits that forbid to raise them', { skip }, (t) => {
  using copy = new Copy();
  const some = 1n << BigInt(CAP.KILL);
  const { pid } = copy.restore([core({}, { uid: 9, euid: 9, suid: 9, fsuid: 9, capInh: halves(some), capPrm: halves(some), capEff: [0, 0], capAmb: halves(some), secbits: 0x40 | 0x80 | 0x10 })]);
  const status = readStatus(pid);
  t.equal(status.capAmb, some);
  t.equal(status.capPrm, some);
  t.equal(status.capEff, 0n);
  t.same(status.uid, { real: 9, effective: 9, saved: 9, fs: 9 });
  t.end();
});
