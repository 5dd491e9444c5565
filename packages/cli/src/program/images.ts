import { runProgram } from '@criu-ts/images/cli';
import { versionText } from '../version.js';

void runProgram({ name: 'criu-ts', version: () => versionText('criu-ts') });
