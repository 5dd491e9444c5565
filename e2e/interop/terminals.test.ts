import { terminalPrograms } from '../real/terminals.js';
import { testBothWays } from './both-ways.js';

testBothWays(terminalPrograms);
