import { realPrograms } from '../real/programs.js';
import { testBothWays } from './both-ways.js';

testBothWays(realPrograms);
