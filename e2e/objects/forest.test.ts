import { testObjects } from '../harness/object-table.js';

testObjects([
  { program: 'forest', args: ['200'], title: 'a tree of 200 processes with sessions, groups, zombies and 1,000 descriptors' },
  { program: 'many_files', args: ['5000'], title: '5,000 descriptors of every kind' },
]);
