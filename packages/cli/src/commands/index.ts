import { IMAGE_COMMANDS } from './image-commands.js';
import type { CommandName } from '../options/spec.js';

export interface Command {
  /** After the name of the program. */
  readonly usage: string;
  readonly text: string;
  /** Paragraphs of the manual page. */
  readonly about: readonly string[];
  /** Exit codes other than 0 and 1. */
  readonly exits?: Readonly<Record<string, string>>;
  /** What follows the command's name; absent: nothing does. */
  readonly operand?: Operand;
}

export interface Operand {
  readonly name: string;
  readonly values: readonly string[];
  readonly optional?: boolean;
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

const table: Readonly<Record<CommandName, Command>> = {
  dump: {
    usage: 'dump -t PID [OPTION…]',
    text: 'put a running process tree into images, and end it (or not: -R)',
    about: [
      'Freezes the process PID and all its descendants, and puts their state into image files that criu restore, too, can read. If anything fails, the processes run on as they were; what can not be kept is told by name, all at once, before anything is written (see explain).',
      'Afterwards the processes are ended, unless --leave-running or --leave-stopped is given.',
    ],
  },
  restore: {
    usage: 'restore [OPTION…]',
    text: 'bring a process tree back from images',
    about: [
      'Makes the processes of the images anew, with the same PIDs. If anything fails, no process is left.',
      'Without --restore-detached it waits for the root process, and passes its exit code on.',
    ],
    exits: { N: 'without --restore-detached: the exit code of the root process; 128 more than the signal that killed it' },
  },
  explain: {
    usage: 'explain -t PID | -D DIR [OPTION…]',
    text: 'tell what would keep a process tree from being dumped, or images from being restored here; nothing is stopped or changed',
    about: [
      'With -t PID, finds every object of the process tree that could not be dumped, why, and what can be done about it. Nothing is stopped, changed or written. With -D DIR, finds what keeps these images from being restored on this host, now: PIDs and ports that are taken, files that are missing or were changed, features of the CPU and the kernel, capabilities.',
      'Give it the options that the dump or restore will have: what they allow is no obstacle. --json prints one object: command, ok, verb (dump or restore), possible, tasks, and findings; each of these has severity (obstacle or warning), code, message, what, and, where known, object, task (pid, comm), why and hint.',
    ],
    exits: { 2: 'there is an obstacle' },
  },
  check: {
    usage: 'check [--extra] [--experimental] [--all] [--feature NAME|list]',
    text: 'tell what this kernel can do for dump and restore',
    about: [
      'Tries what this kernel can do, each thing for real, and tells what each is needed for and the way out where it is missing. Without options it looks at what every dump and restore needs.',
      '--json prints one object: command, ok, good, complete, and features; each of these has name, criu (whether CRIU has that name), category, present, reason, neededFor, without and since.',
    ],
    exits: { 1: 'something that was looked at is missing' },
  },
  completion: {
    usage: 'completion bash|zsh|fish',
    text: 'print the completion script of a shell',
    about: ['For bash: source <(criu-ts completion bash). For zsh: the same, after compinit. For fish: criu-ts completion fish | source.'],
    operand: { name: 'SHELL', values: SHELLS },
  },
  man: {
    usage: 'man [COMMAND]',
    text: 'print the manual page, or that of a command, for man(1): criu-ts man | man -l -',
    about: ['Manual pages are made from the same declarations as --help.'],
    operand: { name: 'COMMAND', values: ['dump', 'restore', 'explain', 'check', 'completion', 'man', ...IMAGE_COMMANDS], optional: true },
  },
};

/** By any name that was typed. */
export const commands: Readonly<Record<string, Command>> = table;

export const commandNames = Object.keys(table) as readonly CommandName[];

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(table, name);
}

/** Commands of CRIU that we don't have, and why. */
export const criuCommands: Readonly<Record<string, string>> = {
  'pre-dump': 'incremental dumps are not there yet',
  'page-server': 'pages go to the images directory only',
  'lazy-pages': 'memory is filled before the processes run, always',
  dedup: 'incremental dumps are not there yet',
  cpuinfo: 'a restore compares the CPU by itself',
  service: 'there is no RPC yet',
  swrk: 'there is no RPC yet',
  exec: 'CRIU itself removed it',
  show: 'CRIU itself removed it; use criu-images',
};
