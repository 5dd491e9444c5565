import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Tool } from './tool.js';

/**
 * Runs CRIU's own crit from the source tree that the peer was built in, by the system's python.
 * Its generated version module may be missing where crit was never installed.
 */
const script = `
import sys, types
try:
    import crit.version
except ImportError:
    version = types.ModuleType('crit.version')
    version.__version__ = 'unknown'
    sys.modules['crit.version'] = version
import os, io, contextlib, crit.__main__
for name in sys.argv[1:]:
    sys.argv = ['crit', 'show', name]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        crit.__main__.main()
    print(os.path.basename(name), len(out.getvalue()))
`;

/** `crit show` of these images; returns the size of its output for each. @throws where crit fails, with what it says */
export async function critShow(peer: Tool, files: readonly string[]): Promise<Map<string, number>> {
  const tree = path.resolve(peer.command[0] ?? '', '../..');
  const env = { ...process.env, PYTHONPATH: [path.join(tree, 'crit'), path.join(tree, 'lib')].join(':') };
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', script, ...files], { env });
  return new Map(stdout.trim().split('\n').map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
}
