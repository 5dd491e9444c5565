// Processes that had ended: what still refers to them is opened while a stand-in lives, and is dead again afterwards.
import { SIG, WAIT } from '@criu-ts/kernel/abi';
import { kill, wait4 } from '@criu-ts/kernel/sys';
import { spawnSeed } from '@criu-ts/tracee';
import { writeFileSync } from 'node:fs';
import { HostLacks } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';

/** Others may be born between choosing a pid and its use. */
const ATTEMPTS = 100;

/**
 * A process that ends as soon as all files are open.
 * @param key whose stand-in it is: one for each  @param pid that it must have
 * @returns its pid  @throws HostLacks where that is taken
 */
export function deadProcess(key: string, at: FileRestoreContext, pid?: number): number {
  return at.shared(`dead-process:${key}`, () => {
    const found = pid === undefined ? spawnSeed() : spawnWithPid(pid);
    let lives = true;
    const end = (): void => {
      if (!lives) return;
      lives = false;
      see(found);
    };
    at.defer(end);
    at.whenInstalled(end);
    return found;
  });
}

/** /proc/sys/kernel/ns_last_pid: the next process gets the next number (Documentation/admin-guide/sysctl/kernel.rst). */
function spawnWithPid(pid: number): number {
  for (let i = 0; i < ATTEMPTS; i++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    const found = spawnSeed();
    if (found === pid) return found;
    see(found);
  }
  throw new HostLacks('pid-taken', `pid ${pid}, of a process that had ended, is taken`, { why: 'an open file of /proc belongs to it', hint: 'end that process, or wait until it has ended' });
}

function see(pid: number): void {
  kill(pid, SIG.KILL);
  wait4(pid, WAIT.ALL);
}
