import { runProgram } from '../cli/index.js';
import { identity } from './identity.js';

void runProgram(identity);
