import { basicPrograms } from './basics.js';
import { compiledPrograms } from './compiled.js';
import { httpServers } from './http-servers.js';
import { jvm } from './jvm.js';
import type { RealProgramKind } from './kind.js';
import { memcached } from './memcached.js';
import { nginx } from './nginx.js';
import { nodeServer } from './node-server.js';
import { postgres } from './postgres.js';
import { scripts } from './scripts.js';
import { terminalPrograms } from './terminals.js';

/** Programs that people run, each with its client. */
export const realPrograms: readonly RealProgramKind[] = [...basicPrograms, nginx, postgres, memcached, nodeServer, jvm, ...scripts, ...compiledPrograms, ...terminalPrograms, ...httpServers];
