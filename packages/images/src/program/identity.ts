import { readFileSync } from 'node:fs';
import type { Program } from '../cli/run.js';

export const identity: Program = {
  name: 'criu-images',
  version: () => (JSON.parse(readFileSync(`${__dirname}/../package.json`, 'utf8')) as { version: string }).version,
};
