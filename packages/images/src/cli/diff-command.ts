import { writeFileSync } from 'node:fs';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { diffCheckpoints } from '../diff/diff.js';
import { diffHtml } from '../diff/html.js';
import { diffText } from '../diff/text.js';
import type { Command } from './command.js';

export const diffCommand: Command = {
  summary: 'how a checkpoint differs from another',
  usage: '[--details] [--json | --html FILE] A B',
  options: { details: { type: 'boolean', short: 'd' }, json: { type: 'boolean' }, html: { type: 'string' } },
  positionals: ['a', 'b'],
  help: ['Processes are the same where their PIDs are. Memory is compared page by page, wherever the pages lie.', '', '-d, --details  every change; otherwise how many', '--json         all of it, for programs', '--html FILE    one page that needs nothing else', 'exit code: 0 no difference, 4 some, 1 damaged, 2 wrong command line'],
  async run({ values, positionals }, terminal) {
    using a = await openCheckpoint(positionals[0]!);
    using b = await openCheckpoint(positionals[1]!);
    const diff = await diffCheckpoints(a, b);
    if (typeof values.html === 'string') writeFileSync(values.html, diffHtml(diff));
    else if (values.json === true) terminal.stdout(`${JSON.stringify(diff)}\n`);
    else for (const line of diffText(diff, values.details === true)) terminal.stdout(`${line}\n`);
    return diff.same ? 0 : 4;
  },
};
