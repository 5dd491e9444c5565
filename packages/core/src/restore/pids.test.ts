import { ERRNO, SYS } from '@criu-ts/kernel/abi';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import t from 'tap';
import { withId } from './pids.js';

const born = {} as Puppet;
/** No process has it: the largest id is one less (PID_MAX_LIMIT). */
const FREE = 2 ** 22;
const task = { pid: FREE, comm: 'x' };

/** Fails so often before it succeeds. */
function births(errno: number, failures: number): { make: () => Puppet; tries: () => number } {
  let tries = 0;
  const make = (): Puppet => {
    if (tries++ < failures) throw new SyscallFailed(`clone3 (${SYS.clone3})`, errno);
    return born;
  };
  return { make, tries: () => tries };
}

t.test('an id that nobody has any more is waited for', async (t) => {
  for (const id of [FREE, FREE + 1]) {
    const { make, tries } = births(ERRNO.EEXIST, 5);
    t.equal(withId(task, id, make), born);
    t.equal(tries(), 6);
  }
});

t.test('an id that somebody has, or nobody can have, is told of', async (t) => {
  const taken = births(ERRNO.EEXIST, Infinity);
  t.throws(() => withId({ ...task, pid: process.pid }, process.pid, taken.make), { code: 'host-pid-taken', message: new RegExp(`process ${process.pid} `) });
  t.equal(taken.tries(), 1);
  t.throws(() => withId(task, process.pid, taken.make), { code: 'host-pid-taken', object: `thread ${process.pid}` });
  t.throws(() => withId(task, FREE, births(ERRNO.EINVAL, 1).make), { code: 'host-pid-max', hint: `sysctl kernel.pid_max=${FREE + 1}` });
  t.throws(() => withId(task, FREE, births(ERRNO.EPERM, 1).make), { name: 'SyscallFailed', errno: ERRNO.EPERM });
});
