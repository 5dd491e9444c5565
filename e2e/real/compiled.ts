import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { repository } from '../harness/repository.js';
import { find, freePort, lacks, type RealProgramKind } from './kind.js';
import { startWorkers } from './workers.js';

const sources = path.join(repository, 'e2e/real/sources');

/** Languages with a run time of their own, which makes threads and handles signals in its own way. */
export const compiledPrograms: readonly RealProgramKind[] = [
  compiled('Go', 'go', (out) => ['build', '-o', out, path.join(sources, 'workers.go')]),
  compiled('Rust', 'rustc', (out) => ['-O', '-o', out, path.join(sources, 'workers.rs')]),
];

function compiled(language: string, compiler: string, args: (out: string) => readonly string[]): RealProgramKind {
  return {
    name: `a ${language} program with many threads`,
    skip: lacks(compiler),
    rounds: 3,
    start: async (ws) => {
      const out = path.join(ws.folder('compiled'), compiler);
      const env = { ...process.env, GO111MODULE: 'off', GOFLAGS: '', CGO_ENABLED: '0', GOCACHE: path.join(repository, 'e2e/dist/go-cache') };
      execFileSync(find(compiler) ?? '', args(out), { env });
      const port = await freePort();
      return startWorkers(ws, language, [out, String(port)], port);
    },
  };
}
