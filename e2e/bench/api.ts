import { rmSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { dump, restore } from '@criu-ts/core';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';
import type { Figures } from './measure.js';

/** A process with so many mappings (a written one and an empty one each) through the API, in this process. */
export async function apiRound(ws: Workspace, dir: string, mappings: number): Promise<Figures> {
  const victim = await ws.start('many_vmas', [String(mappings)]);
  const imagesDir = path.join(dir, 'images');
  mkdirSync(imagesDir);
  const begin = performance.now();
  await dump({ pid: victim.pid, imagesDir });
  const dumped = performance.now();
  await waitFor('the victim to be gone', () => !victim.lives);
  await new Promise((resolve) => setTimeout(resolve, 5)); // its parent reaps it
  const before = performance.now();
  const restored = await restore({ imagesDir });
  const end = performance.now();
  const ended = restored.wait();
  await victim.verify();
  await ended;
  rmSync(imagesDir, { recursive: true });
  return { dump: dumped - begin, restore: end - before };
}
