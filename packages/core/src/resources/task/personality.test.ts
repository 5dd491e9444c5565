import t from 'tap';
import { meantPersonality } from './personality.js';

for (const [stored, meant, why] of [
  [0, 0, 'nothing'],
  [8, 8, 'PER_LINUX32, the same either way'],
  [40000, 0x40000, 'ADDR_NO_RANDOMIZE by CRIU'],
  [0x40000, 0x40000, 'ADDR_NO_RANDOMIZE by us'],
  [40008, 0x40008, 'with PER_LINUX32, by CRIU'],
  [0x40008, 0x40008, 'with PER_LINUX32, by us'],
  [440000, 0x440000, 'with READ_IMPLIES_EXEC, by CRIU'],
  [0x440000, 0x440000, 'with READ_IMPLIES_EXEC, by us'],
] as const) {
  t.equal(meantPersonality(stored), meant, why);
}
