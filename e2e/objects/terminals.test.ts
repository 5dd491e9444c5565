import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'ptys', terminals: true },
]);
