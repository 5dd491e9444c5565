import { endProcess, execCommand, restore } from '@criu-ts/core/restore';
import { restoreCommand } from '../commands/restore.js';
import { main } from '../main.js';
import type {} from './bundle.js';

export const execute = restoreCommand(restore, execCommand);

// Only where the first word is the command: no other is asked for.
if (__launcher.isMain) main(() => execute, endProcess);
