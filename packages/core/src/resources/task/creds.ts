// credentials(7), capabilities(7)
import type { creds_entry } from '@criu-ts/images';
import { PR, SYS } from '@criu-ts/kernel/abi';
import { type ProcStatus, readProcText, threadOf } from '@criu-ts/kernel/procfs';
import { Unsupported } from '../../errors.js';
import type { DumpThread } from '../../model/dump-task.js';
import type { DumpContext } from '../contexts.js';
import type { ThreadFacet } from '../facets.js';
import { blankStatus } from './blank-task.js';
import { readThreadCore, threadCoreOf } from './core-images.js';
import { becomeUser } from './become-user.js';
import { mustCall } from './remote-call.js';

/** Threads may differ in them, whatever POSIX says. */
export const creds: ThreadFacet = {
  name: 'credentials',
  judge: judgeLabel,
  capture(thread, remote) {
    const secbits = mustCall(remote, SYS.prctl, PR.GET_SECUREBITS);
    threadCoreOf(thread.core).creds = describe(thread.status, secbits);
  },
  restore: [
    {
      phase: 'last',
      because: 'everything before needs root',
      run(thread, batch, at) {
        const { creds } = readThreadCore(thread.core);
        if (creds !== undefined) becomeUser(creds, blankStatus(thread.task.puppet, at), thread.task.name, batch, at);
      },
    },
  ],
};

function describe(status: ProcStatus, secbits: number): creds_entry {
  const { uid, gid } = status;
  return {
    uid: uid.real,
    gid: gid.real,
    euid: uid.effective,
    egid: gid.effective,
    suid: uid.saved,
    sgid: gid.saved,
    fsuid: uid.fs,
    fsgid: gid.fs,
    capInh: halves(status.capInh),
    capPrm: halves(status.capPrm),
    capEff: halves(status.capEff),
    capBnd: halves(status.capBnd),
    secbits,
    groups: [...status.groups],
    ...(status.noNewPrivs && { noNewPrivs: 1 }),
    capAmb: halves(status.capAmb),
  };
}

const halves = (set: bigint): number[] => [Number(set & 0xffff_ffffn), Number(set >> 32n)];

/** A label of AppArmor, SELinux or Smack is not kept yet; without such a module reading it gives EINVAL or ENOENT. */
function judgeLabel(thread: DumpThread, at: DumpContext): void {
  const enabled = at.shared('a security module labels tasks', () => labelOf('self') !== undefined);
  const label = enabled ? labelOf(threadOf(thread.task.pid, thread.tid)) : undefined;
  if (label === undefined || label === '' || label === 'unconfined') return;
  at.refuse(new Unsupported('lsm', `the security label ${label} is not supported`, { object: `thread ${thread.tid}`, task: thread.task.name }));
}

function labelOf(task: Parameters<typeof readProcText>[0]): string | undefined {
  try {
    return readProcText(task, 'attr/current').replace(/[\0\n]+$/, '');
  } catch (error) {
    if (['EINVAL', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
