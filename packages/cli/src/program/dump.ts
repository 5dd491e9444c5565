import { dump, endProcess } from '@criu-ts/core/dump';
import { dumpCommand } from '../commands/dump.js';
import { main } from '../main.js';
import type {} from './bundle.js';

export const execute = dumpCommand(dump);

// Only where the first word is the command: no other is asked for.
if (__launcher.isMain) main(() => execute, endProcess);
