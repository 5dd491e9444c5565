// seccomp(2)
import { seccomp_mode } from '@criu-ts/images';
import { Unsupported } from '../../errors.js';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore } from './core-images.js';

/** Not kept yet: refused by name. */
export const seccomp: ThreadFacet = {
  name: 'seccomp',
  judge({ tid, task, status }, at) {
    if (status.seccomp !== 0) at.refuse(new Unsupported('seccomp', `seccomp mode ${status.seccomp} is not supported yet`, { object: `thread ${tid}`, task: task.name, hint: 'run it without seccomp' }));
  },
  capture() {
    // There is none: it was judged.
  },
  restore: [
    {
      phase: 'early',
      because: 'nothing is to be begun that can not be ended',
      run({ core, task }) {
        const mode = readThreadCore(core).seccompMode ?? seccomp_mode.disabled;
        if (mode !== seccomp_mode.disabled) throw new Unsupported('seccomp', `seccomp mode ${mode} is not supported`, { task: task.name });
      },
    },
  ],
};
