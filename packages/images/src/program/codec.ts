import { CODEC_COMMANDS } from '../cli/codec-commands.js';
import { runCommands } from '../cli/run.js';
import { identity } from './identity.js';

void runCommands(identity, CODEC_COMMANDS);
