import { basicFeatures } from './basic.js';
import type { Feature } from './feature.js';
import { fileFeatures } from './files.js';
import { memoryFeatures } from './memory.js';
import { namespaceFeatures } from './namespaces.js';
import { networkFeatures } from './network.js';
import { taskFeatures } from './tasks.js';

/** All that can be looked at, in the order in which it is told. */
export const FEATURES: readonly Feature[] = [...basicFeatures, ...taskFeatures, ...memoryFeatures, ...fileFeatures, ...networkFeatures, ...namespaceFeatures];
