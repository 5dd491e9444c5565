import { checkFeatures, featureNames } from '@criu-ts/core/check';
import { checkCommand } from '../commands/check.js';
import { main } from '../main.js';
import type {} from './bundle.js';

export const execute = checkCommand(checkFeatures, featureNames);

// Only where the first word is the command: no other is asked for.
if (__launcher.isMain) main(() => execute);
