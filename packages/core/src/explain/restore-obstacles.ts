import { IMAGE_TYPES, ImageSet } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { IPPROTO } from '@criu-ts/kernel/abi';
import { readStatus } from '@criu-ts/kernel/procfs';
import { closeSync, openSync, readSync } from 'node:fs';
import { checkFeatures, featureNames } from '../check/index.js';
import { HostLacks, toCriuError } from '../errors.js';
import type { RestoreOptions } from '../options.js';
import { restoreXstate } from '../resources/cpu/x86-64.js';
import { checkHugePages } from '../resources/memory/hugetlb.js';
import { StoredPages } from '../resources/memory/stored-pages.js';
import { HostVdso } from '../resources/memory/vdso.js';
import { judgeCredentials, readThreadCore } from '../resources/task/index.js';
import { checkVdso, hugePageNeeds } from '../restore/memory.js';
import { checkJoined, isStored, namespacesInImages } from '../restore/namespaces.js';
import { openImages } from '../restore/open.js';
import { isOfTree } from '../restore/own-files.js';
import { pidObstacles } from '../restore/pids.js';
import { RestoreRun, type TaskImages } from '../restore/run.js';
import { Scope } from '../scope.js';
import type { Look } from './dump-obstacles.js';
import { type Finding, findingOf, problemsOf, warningOf } from './findings.js';

/** One question about the host. What it throws is told, and ends only that question. */
interface Check {
  readonly name: string;
  readonly run: (run: RestoreRun, attempt: (check: () => void) => void) => void;
}

const CHECKS: readonly Check[] = [
  { name: 'pids', run: ({ plan }, attempt) => pidObstacles(plan).forEach((problem) => attempt(() => { throw problem; })) },
  { name: 'cpu', run: (run, attempt) => forEachThread(run, attempt, (_task, { threadInfo }) => void (threadInfo && restoreXstate(threadInfo.fpregs, blankXstate))) },
  { name: 'credentials', run: checkCredentials },
  { name: 'memory', run: checkMemory },
  { name: 'files', run: checkFiles },
  { name: 'joined', run: checkJoined },
  { name: 'namespaces', run: (run, attempt) => namespacesInImages(run).forEach(({ row, id, stored }) => row.kind.preflight?.(id, stored, run, attempt)) },
];

/** Larger than any CPU's; only whether everything finds its place is of interest. */
const blankXstate = new Uint8Array(32 * 1024);

/**
 * What this host lacks for a restore of these images. No process is made.
 * @throws CriuError where there are no images
 */
export async function restoreObstacles(options: RestoreOptions): Promise<Look> {
  using scope = new Scope();
  const findings: Finding[] = [];
  const images = new ImageSet(scope.use(new NodeDirectory(options.imagesDir)));
  const run = new RestoreRun(options, images, scope, (event) => {
    if (event.type === 'warning') findings.push(warningOf(event.text, event.task));
  });
  let passed = true;
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      passed = false;
      findings.push(...problemsOf(toCriuError(error, { doing: 'restore' })).map(findingOf));
    }
  };
  attempt(() => openImages(run));
  if (!passed) return { tasks: 0, findings };
  for (const check of CHECKS) {
    await new Promise(setImmediate);
    options.signal?.throwIfAborted();
    attempt(() => check.run(run, attempt));
  }
  findings.push(...(await kernelObstacles(run)));
  return { tasks: run.plan.tasks.length, findings };
}

/** What special processes need besides, and how the images show it. */
const SPECIAL: readonly { readonly feature: string; readonly needed: (run: RestoreRun) => boolean }[] = [
  { feature: 'seccomp_suspend', needed: ({ images }) => images.readIfPresent(IMAGE_TYPES.seccomp).some(({ seccompFilters }) => seccompFilters.length > 0) },
  { feature: 'ipcns', needed: (run) => isStored(run, 'ipc') },
  { feature: 'utsns', needed: (run) => isStored(run, 'uts') },
  { feature: 'timens', needed: (run) => isStored(run, 'time') },
  { feature: 'loginuid', needed: ({ plan }) => plan.tasks.some(({ core }) => core.tc?.loginuid !== undefined && core.tc.loginuid !== NO_LOGIN) },
  { feature: 'tcp_repair_window', needed: ({ images }) => images.readIfPresent(IMAGE_TYPES.files).some(({ isk }) => isk?.proto === IPPROTO.TCP && isk.dstPort !== 0) },
];

/** (uid_t) -1 */
const NO_LOGIN = 0xffff_ffff;

/** Features of the kernel, each tried. */
async function kernelObstacles(run: RestoreRun): Promise<Finding[]> {
  const special = SPECIAL.filter(({ needed }) => needed(run)).map(({ feature }) => feature);
  const { features } = await checkFeatures({ names: [...featureNames.filter((name) => BASIC.has(name)), ...special] });
  return features
    .filter(({ present }) => !present)
    .map(({ name, reason, neededFor, without }) => findingOf(new HostLacks('kernel', `the feature ${name} is missing${reason === undefined ? '' : ` (${reason})`}`, { doing: 'restore', why: `it is needed for ${neededFor}`, hint: without })));
}

/** What every restore needs. */
const BASIC: ReadonlySet<string> = new Set(['capabilities', 'ptrace', 'clone3_set_tid', 'pidfd_store', 'prctl_mm_map', 'sigqueueinfo', 'mremap_vdso']);

function forEachThread(run: RestoreRun, attempt: (check: () => void) => void, check: (task: TaskImages, core: TaskImages['core']) => void): void {
  for (const task of run.plan.tasks) {
    for (const core of task.threads.values()) {
      attempt(() => {
        try {
          check(task, core);
        } catch (error) {
          throw toCriuError(error, { task: task.name });
        }
      });
    }
  }
}

function checkCredentials(run: RestoreRun, attempt: (check: () => void) => void): void {
  const own = readStatus('self');
  forEachThread(run, attempt, ({ name }, core) => {
    const { creds } = readThreadCore(core);
    if (creds !== undefined) judgeCredentials(creds, own, name, run);
  });
}

/** That every process has its pages, and this kernel its vdso. */
function checkMemory(run: RestoreRun, attempt: (check: () => void) => void): void {
  const host = new HostVdso(ourselves());
  attempt(() => checkHugePages(hugePageNeeds(run)));
  for (const task of run.plan.tasks) {
    attempt(() => {
      try {
        using pages = new StoredPages(run.images, IMAGE_TYPES.pagemap, task.memory);
        checkVdso(task, host, pages);
      } catch (error) {
        throw toCriuError(error, { task: task.name });
      }
    });
  }
}

function ourselves(): ConstructorParameters<typeof HostVdso>[0] {
  return {
    pid: process.pid,
    read(address, length) {
      const bytes = new Uint8Array(length);
      const fd = openSync('/proc/self/mem', 'r');
      try {
        readSync(fd, bytes, 0, length, address);
      } finally {
        closeSync(fd);
      }
      return bytes;
    },
  };
}

/** All files, by their kinds' own judgement; told with the first descriptor that has them. */
function checkFiles(run: RestoreRun, attempt: (check: () => void) => void): void {
  const holders = new Map<number, { readonly fd: number; readonly task: TaskImages }>();
  for (const task of run.plan.tasks) {
    for (const { id, fd } of run.images.readIfPresent(IMAGE_TYPES.fdinfo, task.ids.filesId)) if (!holders.has(id)) holders.set(id, { fd, task });
  }
  // How a terminal or a FIFO was opened is looked at with that.
  const besides = new Set([...run.files.all()].map(([, { tty, fifo }]) => tty?.regfId ?? fifo?.regfId));
  const pids = new Set(run.plan.tasks.map(({ pid }) => pid));
  for (const [id, entry] of run.files.all()) {
    if (besides.has(id) || isOfTree(entry, pids)) continue;
    attempt(() => {
      try {
        run.files.preflight(id);
      } catch (error) {
        const holder = holders.get(id);
        const name = run.files.describe(id);
        throw toCriuError(error, holder === undefined ? { object: name } : { object: `fd ${holder.fd} → ${name}`, task: holder.task.name });
      }
    });
  }
}
