import { realPrograms } from './programs.js';
import { testRounds } from './rounds.js';

testRounds(realPrograms, 10);
