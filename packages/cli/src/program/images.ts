import type { HostJudge, HostProblem } from '@criu-ts/images/cli';
import { imageDeclarations, runProgram } from '@criu-ts/images/cli';
import { versionText } from '../version.js';
import type { ExplainBundle } from './bundle.js';

/** The judgement is that of `explain -D`, in its bundle: only who asks for it loads it. */
const host: HostJudge = async (imagesDir) => {
  try {
    const { explain } = __launcher.load('explain') as ExplainBundle;
    return (await explain({ imagesDir })).findings;
  } catch (error) {
    // On a machine that is no Linux, or without our binaries, images can be looked at all the same.
    return [notAsked(error)];
  }
};

const notAsked = (error: unknown): HostProblem => ({ severity: 'obstacle', code: 'host-not-asked', message: `this host could not be asked: ${error instanceof Error ? error.message : String(error)}` });

/** For completions and manual pages. */
export { imageDeclarations };

// Only where the first word is one of its commands.
if (__launcher.isMain) void runProgram({ name: 'criu-ts', version: () => versionText('criu-ts'), host });
