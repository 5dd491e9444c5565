import { testRounds } from './rounds.js';
import { terminalPrograms } from './terminals.js';

testRounds(terminalPrograms, 3, { compareProc: true });
