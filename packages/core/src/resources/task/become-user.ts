import type { creds_entry } from '@criu-ts/images';
import { cap_user_data, cap_user_header, capabilityName, LINUX_CAPABILITY_VERSION_3, PR, SECBIT, SYS } from '@criu-ts/kernel/abi';
import { type ProcStatus, readWhole } from '@criu-ts/kernel/procfs';
import { rawSyscall } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';
import { HostLacks, type TaskName, Unsupported } from '../../errors.js';
import type { RestoreContext } from '../contexts.js';

/** Four sets of ids, five of capabilities, and some bits. */
interface Credentials {
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly inh: bigint;
  readonly prm: bigint;
  readonly eff: bigint;
  readonly bnd: bigint;
  readonly amb: bigint;
}

/**
 * Calls that give a puppet with our credentials (`blank`) those of the image, most likely fewer. The order keeps all
 * capabilities to the end: ids change under SECBIT_NO_SETUID_FIXUP; the inheritable set is raised while the bounding
 * set still has what it needs; ambient ones while all are permitted; securebits and bounding set while CAP_SETPCAP is.
 */
export function becomeUser(entry: creds_entry, blank: ProcStatus, task: TaskName, batch: Batch, at: RestoreContext): void {
  judgeCredentials(entry, blank, task, at);
  const wanted = wantedCredentials(entry);
  const current = currentCredentials(blank);
  if (!same(wanted.groups, current.groups)) batch.doing('set the groups').call(SYS.setgroups, wanted.groups.length, batch.bytes(words(wanted.groups)));
  let secbits = at.shared('our securebits', () => rawSyscall(SYS.prctl, PR.GET_SECUREBITS));
  if (!same(wanted.uids, current.uids)) {
    secbits |= SECBIT.NO_SETUID_FIXUP;
    batch.doing('keep capabilities over a change of user').call(SYS.prctl, PR.SET_SECUREBITS, secbits);
  }
  if (!same(wanted.gids, current.gids)) {
    const [real, effective, saved, fs] = wanted.gids as [number, number, number, number];
    batch.doing('set the group ids').call(SYS.setresgid, real, effective, saved);
    setFsId(batch, SYS.setfsgid, fs);
  }
  if (!same(wanted.uids, current.uids)) {
    const [real, effective, saved, fs] = wanted.uids as [number, number, number, number];
    batch.doing('set the user ids').call(SYS.setresuid, real, effective, saved);
    setFsId(batch, SYS.setfsuid, fs);
  }
  if (wanted.inh !== current.inh) setCapabilities(batch.doing('set inheritable capabilities'), { ...current, inh: wanted.inh });
  for (const capability of members(current.bnd & ~wanted.bnd)) batch.doing(`drop ${capabilityName(capability)} from the bounding set`).call(SYS.prctl, PR.CAPBSET_DROP, capability);
  if (current.amb !== 0n) batch.doing('clear ambient capabilities').call(SYS.prctl, PR.CAP_AMBIENT, PR.CAP_AMBIENT_CLEAR_ALL);
  for (const capability of members(wanted.amb)) batch.doing(`make ${capabilityName(capability)} ambient`).call(SYS.prctl, PR.CAP_AMBIENT, PR.CAP_AMBIENT_RAISE, capability);
  if (entry.secbits !== secbits) batch.doing('set securebits').call(SYS.prctl, PR.SET_SECUREBITS, entry.secbits);
  if (wanted.prm !== current.prm || wanted.eff !== current.eff) setCapabilities(batch.doing('set capabilities'), wanted);
  if (entry.noNewPrivs !== undefined && entry.noNewPrivs !== 0) batch.doing('set no_new_privs').call(SYS.prctl, PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/**
 * Before any of the calls: what can't be given is told by name.
 * @param at for its `shared` and `emit`  @throws Unsupported, HostLacks
 */
export function judgeCredentials(entry: creds_entry, blank: ProcStatus, task: TaskName, at: Pick<RestoreContext, 'shared' | 'emit'>): void {
  if (entry.lsmProfile !== undefined || entry.lsmSockcreate !== undefined || entry.apparmorData !== undefined) {
    throw new Unsupported('lsm', `the security label ${entry.lsmProfile ?? ''} is not supported`, { task });
  }
  judge(wantedCredentials(entry), currentCredentials(blank), task, at);
}

function wantedCredentials(entry: creds_entry): Credentials {
  return {
    uids: [entry.uid, entry.euid, entry.suid, entry.fsuid],
    gids: [entry.gid, entry.egid, entry.sgid, entry.fsgid],
    groups: entry.groups,
    inh: joined(entry.capInh),
    prm: joined(entry.capPrm),
    eff: joined(entry.capEff),
    bnd: joined(entry.capBnd),
    amb: joined(entry.capAmb),
  };
}

function currentCredentials({ uid, gid, groups, capInh, capPrm, capEff, capBnd, capAmb }: ProcStatus): Credentials {
  return {
    uids: [uid.real, uid.effective, uid.saved, uid.fs],
    gids: [gid.real, gid.effective, gid.saved, gid.fs],
    groups,
    inh: capInh,
    prm: capPrm,
    eff: capEff,
    bnd: capBnd,
    amb: capAmb,
  };
}

function judge(wanted: Credentials, current: Credentials, task: TaskName, at: Pick<RestoreContext, 'shared' | 'emit'>): void {
  const last = at.shared('cap_last_cap', () => Number(readWhole('/proc/sys/kernel/cap_last_cap').toString('latin1')));
  const known = (1n << BigInt(last + 1)) - 1n;
  const held = wanted.prm | wanted.eff | wanted.inh | wanted.amb;
  if ((held & ~known) !== 0n) {
    throw new HostLacks('capability', `it has ${names(held & ~known)}, which this kernel does not know`, { task });
  }
  const missing = (wanted.prm | wanted.eff | wanted.amb) & ~current.prm;
  if (missing !== 0n) throw new HostLacks('capability', `it has ${names(missing)}, which we can't give`, { task, hint: 'run as root with all capabilities' });
  const lost = wanted.bnd & known & ~current.bnd;
  if (lost === 0n) return;
  // A program that never gains privileges does not notice; the kernel has no way to raise it.
  at.shared(`bounding set lacks ${lost}`, () => at.emit({ type: 'warning', task, text: `its bounding set had ${names(lost)}, ours has not: it is lost` }));
}

/** setfsuid(2) and setfsgid(2) tell no error: a second call says what is set. */
function setFsId(batch: Batch, nr: number, id: number): void {
  batch.attempt(nr, id);
  batch.expect(id, nr, 0xffff_ffff);
}

function setCapabilities(batch: Batch, { inh, prm, eff }: Credentials): void {
  const header = batch.bytes(cap_user_header.encode({ version: LINUX_CAPABILITY_VERSION_3, pid: 0 }));
  const data = batch.struct(2 * cap_user_data.size);
  const half = (set: bigint, i: number): number => Number((set >> BigInt(32 * i)) & 0xffff_ffffn);
  for (const i of [0, 1]) cap_user_data.write(data.view, i * cap_user_data.size, { effective: half(eff, i), permitted: half(prm, i), inheritable: half(inh, i) });
  batch.call(SYS.capset, header, data.address);
}

const joined = ([low = 0, high = 0]: readonly number[]): bigint => BigInt(low) | (BigInt(high) << 32n);
const members = (set: bigint): number[] => Array.from({ length: 64 }, (_, i) => i).filter((i) => ((set >> BigInt(i)) & 1n) !== 0n);
const names = (set: bigint): string => members(set).map(capabilityName).join(', ');
const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((value, i) => value === b[i]);
const words = (values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
