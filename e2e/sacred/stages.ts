import type { Assertions } from '../harness/round-trip.js';
import { succeeded } from '../harness/round-trip.js';
import type { Tool } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import type { ToolRun, Workspace } from '../harness/workspace.js';

/** Names of the stages in the log that `--log-json` writes, in their order. */
export function stagesOf(log: string): string[] {
  return log.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const event = JSON.parse(line) as { type: string; stage?: string };
    return event.type === 'stage-begin' && event.stage !== undefined ? [event.stage] : [];
  });
}

/** A dump by `--leave-running`, for its images and the names of its stages. */
export async function stagesOfDump(t: Assertions, ws: Workspace, tool: Tool, victim: Victim, images: string, options: readonly string[] = []): Promise<string[]> {
  const run = await ws.dump(tool, victim.pid, images, [...options, '--leave-running', '--log-json']);
  succeeded(t, run, 'a dump to learn the stages');
  return stagesOf(run.log);
}

/** What CRIU_TS_FAULT asks for. */
export function faultEnv(action: 'kill' | 'throw', stage: string): Record<string, string> {
  return { CRIU_TS_FAULT: `${action}:${stage}` };
}

/** Did the run end as the fault point says? */
export function struck(t: Assertions, run: ToolRun, action: 'kill' | 'throw'): boolean {
  return action === 'kill' ? t.equal(run.signal, 9, 'killed at the end of the stage') : t.equal(run.code, 1, 'failed at the end of the stage');
}
