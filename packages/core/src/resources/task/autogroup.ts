// /proc/PID/autogroup: sched(7), "The autogroup feature"
import { readAutogroupNice } from '@criu-ts/kernel/procfs';
import { writeFileSync } from 'node:fs';
import type { ProcessFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';

/** The nice value of a session among others. Written with the first process of a session of the tree. */
export const autogroup: ProcessFacet = {
  name: 'autogroup',
  capture({ pid, stat }, core, _remote, at) {
    // A shell's job: the session stays where it is.
    if (at.options.shellJob === true && !at.hasProcess(stat.session)) return;
    let first = false;
    const nice = at.shared(`autogroup of session ${stat.session}`, () => {
      first = true;
      return readAutogroupNice(pid) ?? 0;
    });
    if (first && nice !== 0) taskCoreOf(core).autogroupNice = nice;
  },
  restore: [
    {
      phase: 'early',
      because: 'from our side, at any time: all are in their sessions',
      run({ core, puppet }) {
        const { autogroupNice } = readTaskCore(core);
        if (autogroupNice !== undefined) writeFileSync(`/proc/${puppet.tracee.pid}/autogroup`, String(autogroupNice));
      },
    },
  ],
};
