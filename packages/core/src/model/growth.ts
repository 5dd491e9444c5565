// In which order, and by whom, the processes of a tree are born so that each gets its parent, session and group.

/** A process of the tree, as pstree.img has it. */
export interface GrowthTask {
  readonly pid: number;
  /** 0: the root. */
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** Numbers of what it may share with others, by the images' names; those with the same share it. Absent: nothing is shared. */
  readonly ids?: SharedIds;
}

/** What processes may share, with its name in an error: memory, signal handlers, descriptors; working directory, root and umask. */
export const SHAREABLE = { vmId: 'memory', sighandId: 'signal handlers', filesId: 'descriptors', fsId: 'working directory, root and umask' } as const;
export type Shareable = keyof typeof SHAREABLE;
export type SharedIds = { readonly [K in Shareable]?: number };
const shareable = Object.keys(SHAREABLE) as Shareable[];

/**
 * One step. `by` is whose clone(2) it is; 0 stands for the first puppet, which is no part of the tree.
 * - `bear`: `sibling` makes the newborn a child of the parent of `by` (CLONE_PARENT)
 * - `adopt`: born to a short-lived child of `by`, it comes to `parent`, an ancestor, as an orphan
 * - `stand-in`: born to `by`, it stands for a leader that is gone until `end`, which lets its parent, `by`, reap it
 */
export type GrowthStep =
  | { readonly kind: 'bear'; readonly pid: number; readonly by: number; readonly sibling: boolean; readonly shares: readonly Shareable[] }
  | { readonly kind: 'adopt'; readonly pid: number; readonly by: number; readonly parent: number }
  | { readonly kind: 'stand-in'; readonly pid: number; readonly by: number }
  | { readonly kind: 'session'; readonly pid: number }
  | { readonly kind: 'group'; readonly pid: number; readonly pgid: number }
  | { readonly kind: 'end'; readonly pid: number; readonly by: number };

/** A process that can't be made to be what it was. */
export interface GrowthProblem {
  readonly pid: number;
  /** `session 7` … */
  readonly object: string;
  readonly what: string;
}

export interface GrowthPlan {
  readonly steps: readonly GrowthStep[];
  readonly problems: readonly GrowthProblem[];
}

/** What a process is while the plan is made. */
interface Sprout {
  readonly pid: number;
  readonly parent: number;
  session: number;
  group: number;
  readonly ids: SharedIds;
}

/** The first puppet. */
const SEED = 0;

/**
 * Children born before their parent's setsid(2) stay in its older session; who was orphaned is in the session of
 * somebody who is not its parent; a leader that is gone is stood in for. Pure.
 * @param tasks parents before their children, the root first
 */
export function planGrowth(tasks: readonly GrowthTask[]): GrowthPlan {
  return new Growth(tasks).plan();
}

class Growth {
  readonly #tasks: readonly GrowthTask[];
  readonly #byPid: ReadonlyMap<number, GrowthTask>;
  readonly #children = new Map<number, GrowthTask[]>();
  readonly #steps: GrowthStep[] = [];
  readonly #problems: GrowthProblem[] = [];
  readonly #born = new Map<number, Sprout>();
  /** `filesId 7`, … of what somebody has who is born. */
  readonly #shared = new Set<string>();
  readonly #standIns: { readonly pid: number; readonly by: number }[] = [];
  /** Whose session is not one that their parent could give them. */
  #orphans: GrowthTask[] = [];
  readonly #wants = new Map<number, ReadonlySet<number>>();

  constructor(tasks: readonly GrowthTask[]) {
    this.#tasks = tasks;
    this.#byPid = new Map(tasks.map((task) => [task.pid, task]));
    for (const task of tasks) {
      const siblings = this.#children.get(task.ppid) ?? [];
      this.#children.set(task.ppid, siblings);
      siblings.push(task);
    }
    // Children first: what a leader's children want of its birth depends on theirs.
    for (const { pid } of [...tasks].reverse()) this.#wants.set(pid, this.#wantedBirthSessions(pid));
  }

  plan(): GrowthPlan {
    const [root] = this.#tasks;
    if (root !== undefined) {
      const session = root.sid === root.pid ? SEED : root.sid;
      const group = root.pgid === root.pid ? SEED : root.pgid;
      this.#add({ pid: SEED, parent: -1, session, group, ids: {} });
      this.#grow(root);
      this.#growOrphans();
      this.#joinGroups();
      for (const { pid, by } of this.#standIns.reverse()) this.#steps.push({ kind: 'end', pid, by });
    }
    return { steps: this.#steps, problems: this.#problems };
  }

  /** Sessions, other than their own, that children of a session leader are in: it must have been born in one of them. */
  #wantedBirthSessions(pid: number): ReadonlySet<number> {
    const wants = new Set<number>();
    for (const child of this.#childrenOf(pid)) {
      if (child.sid === child.pid) for (const sid of this.#wants.get(child.pid) ?? []) wants.add(sid);
      else wants.add(child.sid);
    }
    wants.delete(pid);
    return wants;
  }

  #childrenOf(pid: number): readonly GrowthTask[] {
    return this.#children.get(pid) ?? [];
  }

  /** With all that can be born to it and its descendants without further ado. */
  #grow(task: GrowthTask): void {
    const by = this.#bearer(task);
    if (by === undefined) {
      const what = shareable.filter((id) => this.#isTaken(task, id)).map((id) => SHAREABLE[id]);
      this.#refuse(task.pid, 'sharing', `it shares ${what.join(', ')} with a relative that can't bear it`);
      return;
    }
    this.#bear(task, by);
  }

  #bear(task: GrowthTask, by: Sprout): void {
    const sibling = by.pid !== task.ppid;
    const shares = shareable.filter((id) => task.ids?.[id] !== undefined && task.ids[id] === by.ids[id]);
    if (shares.includes('sighandId') && !shares.includes('vmId')) this.#refuse(task.pid, 'sharing', 'it shares signal handlers without memory, which no process can');
    this.#steps.push({ kind: 'bear', pid: task.pid, by: by.pid, sibling, shares });
    this.#settle(task, by);
  }

  /** It is born; its children come, some before it makes a session of its own. */
  #settle(task: GrowthTask, by: Sprout): void {
    const { pid, sid } = task;
    this.#add({ pid, parent: task.ppid, session: by.session, group: by.group, ids: task.ids ?? {} });
    const children = this.#childrenOf(pid);
    const own = this.#sprout(pid);
    const leads = sid === pid;
    if (leads) {
      for (const child of children) if (this.#isEarly(child, own)) this.#grow(child);
      this.#steps.push({ kind: 'session', pid });
      own.session = pid;
      own.group = pid;
    }
    for (const child of children) {
      if (this.#born.has(child.pid)) continue;
      if (child.sid === child.pid || child.sid === own.session) this.#grow(child);
      else this.#orphans.push(child);
    }
  }

  /** Must the child be born while its parent is in the session that the parent itself was born in? */
  #isEarly(child: GrowthTask, parent: Sprout): boolean {
    if (child.sid !== child.pid) return child.sid === parent.session;
    const wants = this.#wants.get(child.pid);
    return wants !== undefined && wants.has(parent.session) && !wants.has(parent.pid);
  }

  /** Its parent, or a sibling that has what it shares already and can be in the right session. */
  #bearer(task: GrowthTask): Sprout | undefined {
    const parent = this.#sprout(task.ppid);
    if (this.#suits(task, parent)) return parent;
    return [...this.#born.values()].find((one) => one.parent === task.ppid && one.pid !== SEED && (task.sid === task.pid || one.session === task.sid) && this.#suits(task, one));
  }

  /** Has this one all that the task is to share with those who are there already? */
  #suits(task: GrowthTask, by: Sprout): boolean {
    return shareable.every((id) => task.ids?.[id] === by.ids[id] || !this.#isTaken(task, id));
  }

  #isShared(task: GrowthTask): boolean {
    return shareable.some((id) => this.#isTaken(task, id));
  }

  #isTaken({ ids }: GrowthTask, id: Shareable): boolean {
    return this.#shared.has(`${id} ${ids?.[id]}`);
  }

  #add(sprout: Sprout): void {
    this.#born.set(sprout.pid, sprout);
    for (const id of shareable) if (sprout.ids[id] !== undefined) this.#shared.add(`${id} ${sprout.ids[id]}`);
  }

  #growOrphans(): void {
    for (let progress = true; progress && this.#orphans.length > 0; ) {
      progress = false;
      const waiting = this.#orphans;
      this.#orphans = [];
      for (const task of waiting) {
        if (this.#growOrphan(task)) progress = true;
        else this.#orphans.push(task);
      }
      if (!progress) progress = this.#standInForSession();
    }
    for (const task of this.#orphans) this.#refuse(task.pid, `session ${task.sid}`, 'nobody below its parent is in its session');
  }

  #growOrphan(task: GrowthTask): boolean {
    const members = [...this.#born.values()].filter((one) => one.session === task.sid && one.pid !== SEED && this.#suits(task, one));
    const sibling = members.find((one) => one.parent === task.ppid);
    if (sibling !== undefined) {
      this.#bear(task, sibling);
      return true;
    }
    const by = members.find((one) => this.#descends(one, task.ppid));
    // It is born to a stranger, who shares nothing.
    if (by === undefined || this.#isShared(task)) return false;
    this.#steps.push({ kind: 'adopt', pid: task.pid, by: by.pid, parent: task.ppid });
    this.#settle(task, by);
    return true;
  }

  /** A session whose leader is gone gets one, as deep in the tree as somebody was orphaned in it. */
  #standInForSession(): boolean {
    const [first] = this.#orphans.filter(({ sid }) => !this.#byPid.has(sid) && !this.#born.has(sid)).sort((a, b) => this.#depth(b.ppid) - this.#depth(a.ppid));
    if (first === undefined) return false;
    this.#standIn(first.sid, first.ppid);
    this.#steps.push({ kind: 'session', pid: first.sid });
    const leader = this.#sprout(first.sid);
    leader.session = first.sid;
    leader.group = first.sid;
    return true;
  }

  #standIn(pid: number, by: number): void {
    const { session, group } = this.#sprout(by);
    this.#steps.push({ kind: 'stand-in', pid, by });
    this.#standIns.push({ pid, by });
    this.#add({ pid, parent: by, session, group, ids: {} });
  }

  /** Leaders first: a group is there when its leader is. One that has left its group again founds it all the same. */
  #joinGroups(): void {
    const movers = this.#tasks.filter(({ pid, pgid }) => this.#isElsewhere(pid, pgid));
    for (const { pid, pgid } of movers) if (pid === pgid) this.#move(pid, pgid);
    for (const task of movers) if (!this.#groupStands(task.pgid)) this.#foundGroup(task);
    for (const { pid, pgid } of this.#tasks) if (this.#isElsewhere(pid, pgid) && this.#sprout(pid).group !== pid) this.#move(pid, pgid);
    // Who founded a group that it had left goes when all members have come.
    for (const { pid, pgid } of this.#tasks) if (this.#isElsewhere(pid, pgid)) this.#move(pid, pgid);
  }

  /** Refused ones are nowhere. */
  #isElsewhere(pid: number, pgid: number): boolean {
    const sprout = this.#born.get(pid);
    return sprout !== undefined && sprout.group !== pgid;
  }

  #foundGroup(task: GrowthTask): void {
    const { pid, pgid } = task;
    const founder = this.#born.get(pgid);
    if (founder === undefined) this.#standIn(pgid, pid);
    else if (founder.session === pgid || founder.session !== this.#sprout(pid).session) return;
    this.#move(pgid, pgid);
  }

  #groupStands(pgid: number): boolean {
    for (const one of this.#born.values()) if (one.group === pgid) return true;
    return false;
  }

  #move(pid: number, pgid: number): void {
    const own = this.#sprout(pid);
    const members = [...this.#born.values()].filter((one) => one.group === pgid);
    const allowed = own.session !== pid && (pid === pgid || members.some((one) => one.session === own.session));
    if (!allowed) {
      this.#refuse(pid, `process group ${pgid}`, 'the group has no member in its session');
      return;
    }
    own.group = pgid;
    this.#steps.push({ kind: 'group', pid, pgid });
  }

  #descends(one: Sprout, ancestor: number): boolean {
    for (let at: Sprout | undefined = one; at !== undefined; at = this.#born.get(at.parent)) if (at.parent === ancestor) return true;
    return false;
  }

  #depth(pid: number): number {
    let depth = 0;
    for (let at = this.#born.get(pid); at !== undefined; at = this.#born.get(at.parent)) depth++;
    return depth;
  }

  #sprout(pid: number): Sprout {
    const sprout = this.#born.get(pid);
    if (sprout === undefined) throw new Error(`process ${pid} is needed before it is born`);
    return sprout;
  }

  #refuse(pid: number, object: string, what: string): void {
    if (!this.#problems.some((problem) => problem.pid === pid)) this.#problems.push({ pid, object, what });
  }
}
