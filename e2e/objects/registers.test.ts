import { testObjects } from '../harness/object-table.js';

testObjects(['general', 'x87', 'sse', 'avx', 'avx512', 'bases', 'pkru'].map((kind) => ({ program: 'registers', args: [kind] })));
