import { Unsupported } from '../errors.js';

const OF_PROCESS = /^\/proc\/(\d+)(?:\/|$)/;
const OF_PARTS = /^\/proc\/\d+\/(?:task\/\d+(?:\/|$)|fdinfo\/)/;

/** The process that a file of /proc is about. */
export function processOf(path: string): number | undefined {
  const pid = OF_PROCESS.exec(path)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Whether a file of /proc is about one of a process's threads or descriptors: it can be opened when those are there, and no sooner. */
export const isAboutParts = (path: string): boolean => OF_PARTS.test(path);

/** @throws Unsupported where it is needed before it can be opened */
export function refuseOwnParts(path: string, hasProcess: (pid: number) => boolean): void {
  const pid = processOf(path);
  if (pid === undefined || !isAboutParts(path) || !hasProcess(pid)) return;
  throw new Unsupported('file', `${path}, about a part of the tree itself, is held by what is restored before that part`, {
    why: 'a working directory, a queue or an epoll has it, and it can be opened only when the thread or descriptor is there',
    hint: 'close it before the dump, or open it through /proc/PID',
  });
}
