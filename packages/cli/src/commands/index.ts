import type { Io } from '../io.js';
import type { CommandName } from '../options/spec.js';
import type { Values } from '../options/table.js';

export interface Command {
  /** After the name of the program. */
  readonly usage: string;
  readonly text: string;
  readonly load: () => Promise<{ readonly execute: (values: Values, io: Io) => Promise<number> }>;
}

const table: Readonly<Record<CommandName, Command>> = {
  dump: {
    usage: 'dump -t PID [OPTION…]',
    text: 'put a running process tree into images, and end it (or not: -R)',
    load: () => import('./dump.js'),
  },
  restore: {
    usage: 'restore [OPTION…]',
    text: 'bring a process tree back from images',
    load: () => import('./restore.js'),
  },
};

/** By any name that was typed. */
export const commands: Readonly<Record<string, Command>> = table;

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
