import { statSync, writeFileSync } from 'node:fs';
import { openCheckpoint } from '../checkpoint/open-node.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { htmlOf } from '../report/html.js';
import type { Report } from '../report/report.js';
import { reportOf, withHost } from '../report/report.js';
import { INSPECT_SCHEMA } from '../report/schema.js';
import { textOf } from '../report/text.js';
import { askHost, judgeHostOption } from './ask-host.js';
import type { Arguments, Command } from './command.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './terminal.js';
import { WHERE } from './where.js';

export const inspectCommand: Command = {
  summary: 'show a checkpoint to people: processes, files, sockets, memory, networks',
  usage: '[--all] [--env] [--host | --no-host] [--json | --html FILE | --schema] CHECKPOINT',
  options: { all: { type: 'boolean', short: 'a' }, env: { type: 'boolean' }, host: { type: 'boolean' }, 'no-host': { type: 'boolean' }, json: { type: 'boolean' }, html: { type: 'string' }, schema: { type: 'boolean' } },
  positionals: ['checkpoint'],
  optional: ['checkpoint'],
  help: [
    WHERE,
    '-a, --all    every descriptor, mapping, rule and file',
    '--env        environment variables with their values, which may be secrets',
    '--json       all of it, for programs',
    '--html FILE  one page that needs nothing else, with pictures and search',
    '--schema     the JSON Schema of --json',
    '--host       also why it could not be restored on this host now (criu-ts only); a directory shown on a terminal tells so without it',
    '--no-host    not that',
  ],
  async run(args, terminal) {
    const { values, positionals: [where] } = args;
    if (values.schema === true) {
      terminal.stdout(`${JSON.stringify(INSPECT_SCHEMA, undefined, 2)}\n`);
      return;
    }
    judgeHostOption(args, terminal);
    if (where === undefined) throw new UsageError('the following arguments are required: checkpoint');
    using checkpoint = await openCheckpoint(where);
    const report = await askedReport(checkpoint, where, args, terminal);
    if (typeof values.html === 'string') writeFileSync(values.html, await htmlOf(report));
    else if (values.json === true) terminal.stdout(`${JSON.stringify(report)}\n`);
    else for (const line of textOf(report, { columns: terminal.columns, color: terminal.columns > 0, all: values.all === true, now: Date.now() })) terminal.stdout(`${line}\n`);
  },
};

/** JSON and pages are passed on, so that this host is in them only where that was asked for; an archive would have to be unpacked first. */
async function askedReport(checkpoint: Checkpoint, where: string, { values }: Arguments, terminal: Terminal): Promise<Report> {
  const report = await reportOf(checkpoint, { secrets: values.env === true });
  const forPeople = values.json !== true && values.html === undefined;
  const unasked = forPeople && values['no-host'] !== true && statSync(where).isDirectory();
  return terminal.host !== undefined && (values.host === true || unasked) ? withHost(report, await askHost(checkpoint, where, terminal.host)) : report;
}
