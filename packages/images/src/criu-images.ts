#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runProgram } from './cli/run.js';

await runProgram({
  name: 'criu-images',
  version: () => (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version,
});
