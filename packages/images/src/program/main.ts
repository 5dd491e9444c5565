import { readFileSync } from 'node:fs';
import { runProgram } from '../cli/run.js';

void runProgram({
  name: 'criu-images',
  version: () => (JSON.parse(readFileSync(`${__dirname}/../package.json`, 'utf8')) as { version: string }).version,
});
