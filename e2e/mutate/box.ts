import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from '../harness/programs.js';
import { repository } from '../harness/repository.js';

/** Programs whose images are mutated: each has kernel objects of other kinds. */
export const PROGRAMS = ['counter', 'threads', 'files', 'files_ghost', 'pipes', 'sockets', 'unix_sockets', 'mem_shared', 'mem_memfd', 'tree', 'epolls', 'io_urings', 'timers', 'signals', 'creds'] as const;

/**
 * The shell script of the first process in namespaces of their own: it makes all of this machine read-only but a
 * file system in memory, which is /tmp too, takes away what could do harm all the same (devices, /proc/sys, locking memory for
 * good), starts the programs, and then the worker. What mutated images make a process do stays in there.
 */
export function boxScript(dir: string, worker: readonly string[]): string {
  const script = path.join(dir, 'box.sh');
  // Any folder that every machine has; nobody outside sees what is mounted there.
  const box = '/mnt';
  const programs = PROGRAMS.map((name) => [name, compile(name)] as const);
  const text = [
    // What tap has every node load wants to write beside the tests.
    'unset NODE_OPTIONS',
    `mount -t tmpfs -o size=512m box ${box}`,
    `mkdir ${box}/dev ${box}/dev/shm ${box}/bin ${box}/tmp ${box}/images`,
    `chmod 755 ${box}; chmod 1777 ${box}/tmp ${box}/dev/shm`,
    ...['null', 'zero', 'full', 'random', 'urandom'].map((name) => `: >${box}/dev/${name}; mount --bind /dev/${name} ${box}/dev/${name}`),
    ...programs.map(([name, file]) => `cp ${file} ${box}/bin/${name}`),
    'umount /proc 2>/dev/null || :',
    'mount -t proc proc /proc',
    'mount --bind /proc/sys /proc/sys; [ ! -e /proc/sysrq-trigger ] || mount --bind /dev/null /proc/sysrq-trigger',
    `mount --rbind ${box}/dev /dev`,
    // Where this repository itself lies in /tmp, it is needed there.
    ...(repository.startsWith('/tmp/') ? [`mkdir -p ${box}${repository}`, `mount --rbind ${repository} ${box}${repository}`] : []),
    `mount --rbind ${box}/tmp /tmp`,
    'ip link set lo up',
    // The deepest first: what lies below a read-only mount is none of its business.
    `cut -d" " -f5 /proc/self/mountinfo | sort -ru | while read -r place; do case "$place" in ${box}|/tmp|/dev|/proc|${box}/dev/*|/dev/*) ;; *) mount -o remount,bind,ro "$(printf %b "$place")" 2>/dev/null || : ;; esac; done`,
    `for place in / /root /usr /var /proc/sys/kernel/core_pattern; do if [ -w "$place" ]; then echo "{\\"broken\\":\\"$place can be written\\"}"; exit 9; fi; done`,
    ...programs.flatMap(([name]) => [`mkdir ${box}/${name}; cd ${box}/${name}; chmod 777 .`, `E2E_GO=${box}/${name}/go setpriv --bounding-set -ipc_lock setarch -R setsid ${box}/bin/${name} </dev/null >>out 2>&1 & echo $! >${box}/${name}.pid`]),
    `cd ${box}`,
    // Locked memory counts only without that capability.
    `setpriv --bounding-set -ipc_lock ${worker.join(' ')} ${box}`,
  ].join('\n');
  writeFileSync(script, text);
  return script;
}
