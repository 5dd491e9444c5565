import { explain } from '@criu-ts/core/explain';
import { explainCommand } from '../commands/explain.js';
import { main } from '../main.js';
import type {} from './bundle.js';

/** For `verify --host` and `inspect`, whose bundle knows only images. */
export { explain };
export const execute = explainCommand(explain);

// Only where the first word is the command: no other is asked for.
if (__launcher.isMain) main(() => execute);
