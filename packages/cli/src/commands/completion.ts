import type { Declaration } from '@criu-ts/images/cli';
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { zshCompletion } from '../completion/zsh.js';
import type { Execute } from '../io.js';
import type { SHELLS } from './index.js';

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (program: string, images: readonly Declaration[]) => string>> = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** Its operand was judged before. @param images the image commands, which are declared elsewhere */
export const completionCommand =
  (images: () => readonly Declaration[]): Execute =>
  async (_values, io, [shell]) => {
    io.stdout(SCRIPTS[shell as keyof typeof SCRIPTS]('criu-ts', images()));
    return 0;
  };
