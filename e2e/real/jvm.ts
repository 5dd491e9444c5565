import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { repository } from '../harness/repository.js';
import { find, freePort, lacks, type RealProgramKind } from './kind.js';
import { startWorkers } from './workers.js';

/** Collector, compilers and the program's own threads: all at work when it is frozen. */
export const jvm: RealProgramKind = {
  name: 'a JVM with several threads under load',
  skip: lacks('java', 'javac'),
  rounds: 3,
  start: async (ws) => {
    const port = await freePort();
    const classes = ws.folder(`classes-of-${port}`);
    execFileSync(find('javac') ?? '', ['-J-XX:TieredStopAtLevel=1', '-d', classes, path.join(repository, 'e2e/real/sources/Load.java')]);
    return startWorkers(ws, 'java', [find('java') ?? '', '-Xmx192m', '-Xms64m', '-cp', classes, 'Load', String(port)], port);
  },
};
