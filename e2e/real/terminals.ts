import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Assertions } from '../harness/round-trip.js';
import { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import type { Workspace } from '../harness/workspace.js';
import { lacks, type RealProgram, type RealProgramKind } from './kind.js';
import { SHELL, Terminal, terminalNeeds } from './terminal.js';

export const terminalPrograms: readonly RealProgramKind[] = [
  { name: 'bash with a pipeline in a pty', skip: lacks(...terminalNeeds), rounds: 3, terminals: true, idle: [], start: startBash, startForPeer: (ws) => startBash(ws, true) },
  { name: 'tmux with a shell and an editor', skip: lacks('tmux', 'vim', 'bash'), rounds: 3, terminals: true, idle: [], start: startTmux },
];

/** @param withPeer CRIU drops what is being typed: then nothing is */
async function startBash(ws: Workspace, withPeer = false): Promise<RealProgram> {
  const terminal = await Terminal.open(ws);
  const { victim } = terminal;
  let visit = 0;
  const begun = withPeer ? '' : 'ha';
  const beginPipeline = async (t: Assertions): Promise<void> => {
    terminal.type(`cat | tr a-z A-Z\nwarm up ${visit}\n`);
    await terminal.shows(t, `WARM UP ${visit}\r\n`, 'a pipeline is in the foreground');
    terminal.type(begun);
    await terminal.shows(t, begun, 'half a line is typed');
  };
  const check = async (t: Assertions): Promise<void> => {
    if (visit === 0) {
      terminal.type("PS1='bash-''is-ready> '; n=0\nsh -c \"echo in-''front; exec sleep 1234\"\n");
      await terminal.shows(t, 'in-front\r\n', 'a job is in the foreground');
      terminal.type('\u001a'); // Ctrl-Z
    }
    if (visit > 0) {
      terminal.type(`lf a line ${visit}\n`);
      await terminal.shows(t, `${begun}lf a line ${visit}\r\n`.toUpperCase(), 'what was typed comes out of the pipeline, the half line before too');
      terminal.type('\u0004');
    }
    await terminal.shows(t, 'bash-is-ready> ', 'the shell waits');
    terminal.type('jobs\n');
    await terminal.shows(t, 'Stopped ', 'a job is stopped');
    terminal.type('echo "n is $((n++)), $(stty size)"\n');
    await terminal.shows(t, `n is ${visit}, `, 'its variable is what it was');
    visit++;
    await beginPipeline(t);
  };
  const end = async (t: Assertions): Promise<void> => {
    terminal.type('\n\u0003'); // Ctrl-C reaches the group in the foreground
    await terminal.shows(t, 'bash-is-ready> ', 'Ctrl-C ends the pipeline');
    terminal.type('kill -9 %1; exit\nexit\n'); // the first may be told of a stopped job
    await victim.line(/^end$/);
    t.ok(true, 'the shell ends, and its terminal with it');
  };
  return { victim, options: [], check, end };
}

/** The server is a daemon; clients come, type or look, and go. */
async function startTmux(ws: Workspace): Promise<RealProgram> {
  const dir = ws.folder('tmux');
  const socket = path.join(dir, 'socket');
  const note = path.join(dir, 'note.txt');
  const run = promisify(execFile);
  const tmux = async (...args: readonly string[]): Promise<string> => (await run('/usr/bin/tmux', ['-S', socket, ...args], { cwd: dir })).stdout;
  await ws.launch(['/usr/bin/tmux', '-S', socket, '-f', '/dev/null', 'new-session', '-d', '-s', 'work', '-x', '90', '-y', '40', `exec ${SHELL.join(' ')}`], 'tmux');
  const pid = Number(await waitFor('the server to answer', () => tmux('display-message', '-p', '#{pid}').catch(() => undefined)));
  const victim = new Victim({ name: 'tmux', dir, out: note, go: path.join(dir, 'go'), pid, exit: new Promise(() => {}) });
  const shows = async (t: Assertions, window: string, text: string, what: string): Promise<void> => {
    let last = '';
    await waitFor(() => `${what}: ${JSON.stringify(text)} in\n${last}`, async () => (last = await tmux('capture-pane', '-p', '-t', window)).includes(text));
    t.ok(true, what);
  };
  await tmux('new-window', '-d', '-t', 'work:1', `exec /usr/bin/vim -u NONE -N -n ${note}`);
  /** The server's end of a connection goes by the name of the socket that listens. */
  const ends = (): number => readFileSync('/proc/net/unix', 'latin1').split('\n').filter((line) => line.endsWith(` ${socket}`)).length;
  const gone = (): Promise<unknown> => waitFor('the server to notice that its clients are gone', () => ends() === 1, 30_000);
  let visit = 0;
  const check = async (t: Assertions): Promise<void> => {
    if (visit === 0) await tmux('send-keys', '-t', 'work:0', "PS1='shell> '; n=0", 'Enter');
    await tmux('send-keys', '-t', 'work:0', 'clear; echo "n is $((n++))"', 'Enter');
    await shows(t, 'work:0', `n is ${visit}\nshell>`, "the shell's variable is what it was");
    if (visit === 0) await shows(t, 'work:1', '~', 'the editor is there');
    await tmux('send-keys', '-t', 'work:1', ...(visit === 0 ? ['i'] : []), `line ${visit}`, 'Enter');
    visit++;
    await shows(t, 'work:1', Array.from({ length: visit }, (_, i) => `line ${i}\n`).join(''), 'the editor has all that was typed so far, in insert mode');
    await gone();
  };
  const end = async (t: Assertions): Promise<void> => {
    await tmux('send-keys', '-t', 'work:1', 'Escape', ':wq', 'Enter');
    const wanted = `${Array.from({ length: visit }, (_, i) => `line ${i}\n`).join('')}\n`;
    await waitFor('the editor to save', () => existsSync(note) && readFileSync(note, 'latin1') === wanted);
    t.ok(true, 'the editor saves it all');
    await tmux('kill-server');
    await waitFor('the server to end', () => !victim.lives);
  };
  return { victim, options: [], check, end };
}
