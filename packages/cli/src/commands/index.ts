import type { CommandName } from '../options/spec.js';

export interface Command {
  /** After the name of the program. */
  readonly usage: string;
  readonly text: string;
}

const table: Readonly<Record<CommandName, Command>> = {
  dump: {
    usage: 'dump -t PID [OPTION…]',
    text: 'put a running process tree into images, and end it (or not: -R)',
  },
  restore: {
    usage: 'restore [OPTION…]',
    text: 'bring a process tree back from images',
  },
};

/** By any name that was typed. */
export const commands: Readonly<Record<string, Command>> = table;

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(table, name);
}

/** Commands of CRIU that we don't have, and why. */
export const criuCommands: Readonly<Record<string, string>> = {
  'pre-dump': 'incremental dumps are not there yet',
  'page-server': 'pages go to the images directory only',
  'lazy-pages': 'memory is filled before the processes run, always',
  dedup: 'incremental dumps are not there yet',
  check: 'what a dump or restore lacks on this host, it says itself',
  cpuinfo: 'a restore compares the CPU by itself',
  service: 'there is no RPC yet',
  swrk: 'there is no RPC yet',
  exec: 'CRIU itself removed it',
  show: 'CRIU itself removed it; use criu-images',
};
