import t from 'tap';
import { type GrowthStep, type GrowthTask, planGrowth } from './growth.js';

interface Row {
  readonly name: string;
  /** pid ppid pgid sid [filesId fsId [vmId sighandId]] */
  readonly tasks: readonly (readonly number[])[];
  readonly wanted?: readonly string[];
  readonly problems?: readonly string[];
}

const rows: readonly Row[] = [
  { name: 'nobody', tasks: [], wanted: [] },
  { name: 'one that leads its session', tasks: [[10, 0, 10, 10]], wanted: ['0 bears 10', '10 leads a session'] },
  { name: "a shell's job: its session and group are those of whoever restores", tasks: [[10, 0, 9, 5], [11, 10, 9, 5]], wanted: ['0 bears 10', '10 bears 11'] },
  { name: "a shell's job that leads its group", tasks: [[10, 0, 10, 5], [11, 10, 10, 5]], wanted: ['0 bears 10', '10 bears 11', '10 to group 10', '11 to group 10'] },
  {
    name: 'a child born before its parent made its session',
    tasks: [[10, 0, 10, 10], [11, 10, 11, 11], [12, 11, 10, 10], [13, 11, 11, 11]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 bears 12', '11 leads a session', '11 bears 13'],
  },
  {
    name: 'a grandchild of two leaders that was there before both',
    tasks: [[10, 0, 10, 10], [11, 10, 11, 11], [12, 11, 12, 12], [13, 12, 10, 10]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 bears 12', '12 bears 13', '12 leads a session', '11 leads a session'],
  },
  {
    name: 'groups: leaders first',
    tasks: [[10, 0, 10, 10], [11, 10, 12, 10], [12, 10, 12, 10]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '10 bears 12', '12 to group 12', '11 to group 12'],
  },
  {
    name: 'a group whose leader is gone',
    tasks: [[10, 0, 10, 10], [11, 10, 9, 10], [12, 10, 9, 10]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '10 bears 12', '11 bears 9 for now', '9 to group 9', '11 to group 9', '12 to group 9', '9 ends'],
  },
  {
    name: 'a group whose leader has left it for another',
    tasks: [[10, 0, 10, 10], [11, 10, 12, 10], [12, 10, 12, 10], [13, 10, 11, 10]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '10 bears 12', '10 bears 13', '12 to group 12', '11 to group 11', '13 to group 11', '11 to group 12'],
  },
  {
    name: "a group whose leader has gone back to its parent's",
    tasks: [[10, 0, 10, 10], [11, 10, 10, 10], [12, 10, 11, 10]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '10 bears 12', '11 to group 11', '12 to group 11', '11 to group 10'],
  },
  {
    name: 'a session whose leader is gone',
    tasks: [[10, 0, 10, 10], [11, 10, 9, 9], [12, 11, 9, 9], [13, 10, 9, 9]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 9 for now', '9 leads a session', '9 bears 11 as a sibling', '11 bears 12', '9 bears 13 as a sibling', '9 ends'],
  },
  {
    name: 'a session without leader, with a group without leader',
    tasks: [[10, 0, 10, 10], [11, 10, 8, 9]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 9 for now', '9 leads a session', '9 bears 11 as a sibling', '11 bears 8 for now', '8 to group 8', '11 to group 8', '8 ends', '9 ends'],
  },
  {
    name: 'an orphan of a session whose leader is its sibling',
    tasks: [[10, 0, 10, 10], [11, 10, 11, 11], [12, 10, 11, 11]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 leads a session', '11 bears 12 as a sibling'],
  },
  {
    name: 'an orphan of a session deeper in the tree',
    tasks: [[10, 0, 10, 10], [11, 10, 10, 10], [12, 11, 12, 12], [13, 10, 12, 12], [14, 13, 12, 12]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 bears 12', '12 leads a session', '12 loses 13 to 10', '13 bears 14'],
  },
  {
    name: 'orphans of a gone session at two subreapers',
    tasks: [[10, 0, 10, 10], [11, 10, 10, 10], [12, 10, 9, 9], [13, 11, 9, 9]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 bears 9 for now', '9 leads a session', '9 bears 13 as a sibling', '9 loses 12 to 10', '9 ends'],
  },
  {
    name: 'a session that nobody below the parent is in',
    tasks: [[10, 0, 10, 10], [11, 10, 11, 11], [12, 10, 10, 10], [13, 12, 11, 11]],
    problems: ['13: session 11: nobody below its parent is in its session'],
  },
  {
    name: 'a group in another session',
    tasks: [[10, 0, 10, 10], [11, 10, 11, 11], [12, 10, 11, 10]],
    problems: ['12: process group 11: the group has no member in its session'],
  },
  {
    name: 'descriptors shared by parent, child and grandchild',
    tasks: [[10, 0, 10, 10, 1, 1], [11, 10, 10, 10, 1, 2], [12, 11, 10, 10, 1, 2], [13, 10, 10, 10, 3, 1]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11 with files', '11 bears 12 with files fs', '10 bears 13 with fs'],
  },
  {
    name: 'descriptors shared by siblings only',
    tasks: [[10, 0, 10, 10, 1, 1], [11, 10, 10, 10, 2, 2], [12, 10, 10, 10, 2, 3]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 bears 12 as a sibling with files'],
  },
  {
    name: 'descriptors shared by cousins',
    tasks: [[10, 0, 10, 10, 1, 1], [11, 10, 10, 10, 2, 2], [12, 10, 10, 10, 3, 3], [13, 11, 10, 10, 4, 4], [14, 12, 10, 10, 4, 5]],
    problems: ["14: sharing: it shares descriptors with a relative that can't bear it"],
  },
  {
    name: 'memory shared by parent and child, handlers by two of its children',
    tasks: [[10, 0, 10, 10, 1, 1, 1, 1], [11, 10, 10, 10, 2, 2, 1, 2], [12, 11, 10, 10, 2, 3, 1, 2], [13, 11, 10, 10, 4, 4, 4, 4]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11 with vm', '11 bears 12 with vm sighand files', '11 bears 13'],
  },
  {
    name: 'memory shared by siblings only',
    tasks: [[10, 0, 10, 10, 1, 1, 1, 1], [11, 10, 10, 10, 2, 2, 2, 2], [12, 10, 10, 10, 3, 3, 2, 2]],
    wanted: ['0 bears 10', '10 leads a session', '10 bears 11', '11 bears 12 as a sibling with vm sighand'],
  },
  {
    name: 'memory shared by cousins',
    tasks: [[10, 0, 10, 10, 1, 1, 1, 1], [11, 10, 10, 10, 2, 2, 2, 2], [12, 10, 10, 10, 3, 3, 3, 3], [13, 11, 10, 10, 4, 4, 4, 4], [14, 12, 10, 10, 5, 5, 4, 4]],
    problems: ["14: sharing: it shares memory, signal handlers with a relative that can't bear it"],
  },
  {
    name: 'handlers shared without memory',
    tasks: [[10, 0, 10, 10, 1, 1, 1, 1], [11, 10, 10, 10, 2, 2, 2, 1]],
    problems: ['11: sharing: it shares signal handlers without memory, which no process can'],
  },
];

for (const { name, tasks, wanted, problems = [] } of rows) {
  t.test(name, async (t) => {
    const plan = planGrowth(tasks.map(taskOf));
    t.same(plan.problems.map(({ pid, object, what }) => `${pid}: ${object}: ${what}`), problems);
    if (wanted !== undefined) t.same(plan.steps.map(describe), wanted);
  });
}

function taskOf([pid = 0, ppid = 0, pgid = 0, sid = 0, filesId, fsId, vmId, sighandId]: readonly number[]): GrowthTask {
  return { pid, ppid, pgid, sid, ids: { ...(filesId !== undefined && { filesId }), ...(fsId !== undefined && { fsId }), ...(vmId !== undefined && { vmId }), ...(sighandId !== undefined && { sighandId }) } };
}

function describe(step: GrowthStep): string {
  switch (step.kind) {
    case 'bear': {
      const shared = step.shares.map((id) => id.slice(0, -2));
      return `${step.by} bears ${step.pid}${step.sibling ? ' as a sibling' : ''}${shared.length > 0 ? ` with ${shared.join(' ')}` : ''}`;
    }
    case 'adopt':
      return `${step.by} loses ${step.pid} to ${step.parent}`;
    case 'stand-in':
      return `${step.by} bears ${step.pid} for now`;
    case 'session':
      return `${step.pid} leads a session`;
    case 'group':
      return `${step.pid} to group ${step.pgid}`;
    case 'end':
      return `${step.pid} ends`;
  }
}
