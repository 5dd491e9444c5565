import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { featureDocument } from './document.js';
import { FEATURES } from './table.js';

// UPDATE_DOCS=1 writes it anew.
t.test('docs/kernel-support.md is the table', async (t) => {
  const text = featureDocument(FEATURES);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync('docs/kernel-support.md', text);
  t.equal(readFileSync('docs/kernel-support.md', 'utf8'), text);
});
