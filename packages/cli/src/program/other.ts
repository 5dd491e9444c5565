import { main } from '../main.js';
import type { CommandBundle } from './bundle.js';

main((name) => (__launcher.load(name) as CommandBundle).execute);
