// Which memory a process is born with, so that relatives share pages as they did after fork(2): decided from the images
// alone. Whoever bears others is given, before it does, what it has in common with them; a newborn keeps what is its own.
import type { mm_entry, vma_entry } from '@criu-ts/images';
import { MADV, MAP } from '@criu-ts/kernel/abi';
import { intersect, type PageSet, pageSetOf, subtract, unite } from './page-set.js';
import type { StoredRun } from './stored-pages.js';
import { VMA } from './vma-status.js';

/** A process, and who bore it. */
export interface Kin {
  readonly pid: number;
  readonly mm: mm_entry;
  /** Whose memory it has a copy of when it is born; undefined: nobody's of the images. */
  readonly bearer?: number;
}

/** A range that is private memory of one kind in several relatives, as far as it reaches in any of them. */
export interface Region {
  readonly start: number;
  readonly end: number;
  /** A mapping in it, of one of them. */
  readonly like: vma_entry;
}

/** What a process has of its bearer, and what for those that it bears itself. */
export interface Heritage {
  /** There when it is born. */
  readonly kept: readonly Region[];
  /** Pages in them that are as they should be. All others are the bearer's, and go. */
  readonly keptPages: PageSet;
  /** Regions to be mapped, and pages in all of them to be filled, before it bears anybody. */
  readonly made: readonly Region[];
  readonly filled: PageSet;
  readonly hasHeirs: boolean;
}

/** All regions of it, in order. */
export function regionsOf({ kept, made }: Heritage): Region[] {
  return [...kept, ...made].sort((a, b) => a.start - b.start);
}

/** What a process has of its pages when it comes to its memory. */
export function presentPages({ keptPages, filled }: Heritage): PageSet {
  return unite([keptPages, filled]);
}

/** What the plan needs to know of pages. */
export interface PageComparison {
  runsOf(pid: number): readonly StoredRun[];
  /** Which of these pages, stored for both, have the same contents. */
  equal(bearer: number, heir: number, candidates: PageSet): PageSet;
}

/** By pid. Who isn't in it keeps nothing of what it is born with. @param blocked ranges that must be empty at first */
export function planHeritage(kin: readonly Kin[], pages: PageComparison, blocked: (mm: mm_entry) => PageSet): ReadonlyMap<number, Heritage> {
  const plan = new Map<number, Heritage>();
  for (const family of familiesOf(kin)) {
    const regions = commonRegions(family, unite([...family.values()].map(({ mm }) => blocked(mm))));
    if (regions.length > 0) planFamily(family, regions, pages, plan);
  }
  return plan;
}

type Family = ReadonlyMap<number, Kin>;

/** Bearers and heirs of one program: one that was started since has nothing in common with who started it. */
function familiesOf(kin: readonly Kin[]): Family[] {
  const byPid = new Map(kin.map((one) => [one.pid, one]));
  const founderOf = (one: Kin): Kin => {
    const bearer = byPid.get(one.bearer ?? 0);
    return bearer === undefined || bearer.mm.exeFileId !== one.mm.exeFileId ? one : founderOf(bearer);
  };
  const families = new Map<Kin, Map<number, Kin>>();
  for (const one of kin) {
    const founder = founderOf(one);
    const family = families.get(founder) ?? new Map<number, Kin>();
    families.set(founder, family.set(one.pid, one));
  }
  return [...families.values()].filter(({ size }) => size > 1);
}

function planFamily(family: Family, regions: readonly Region[], pages: PageComparison, plan: Map<number, Heritage>): void {
  const sets = new Map<number, PageSet>();
  const pagesIn = ({ pid, mm }: Kin): PageSet => {
    const known = sets.get(pid);
    if (known !== undefined) return known;
    const set = intersect(pageSetOf(pages.runsOf(pid)), rangesOf(heldVmas(mm, regions)));
    sets.set(pid, set);
    return set;
  };
  const kept = new Map<number, PageSet>();
  const bequeathed = new Map<number, PageSet[]>();
  for (const heir of family.values()) {
    const bearer = family.get(heir.bearer ?? 0);
    if (bearer === undefined) continue;
    const candidates = intersect(pagesIn(bearer), pagesIn(heir));
    const common = candidates.length === 0 ? candidates : pages.equal(bearer.pid, heir.pid, candidates);
    if (common.length === 0) continue;
    kept.set(heir.pid, common);
    bequeathed.set(bearer.pid, [...(bequeathed.get(bearer.pid) ?? []), common]);
  }
  for (const { pid } of family.values()) {
    const keptPages = kept.get(pid) ?? [];
    const forHeirs = bequeathed.get(pid) ?? [];
    if (keptPages.length === 0 && forHeirs.length === 0) continue;
    const filled = subtract(unite(forHeirs), keptPages);
    const keptRegions = regionsWith(keptPages, regions);
    const made = regionsWith(filled, regions).filter((region) => !keptRegions.includes(region));
    plan.set(pid, { kept: keptRegions, keptPages, made, filled, hasHeirs: forHeirs.length > 0 });
  }
}

/** Mappings of a process that lie in its regions: what is left of these when the rest is cut away. */
export function heldVmas({ vmas }: mm_entry, regions: readonly Region[]): vma_entry[] {
  const held: vma_entry[] = [];
  let i = 0;
  for (const vma of regions.length === 0 ? [] : vmas) {
    if (vma.status & SPECIAL) continue;
    const start = Number(vma.start);
    while (i < regions.length && (regions[i] as Region).end <= start) i++;
    const region = regions[i];
    // One of the same nature that begins in a region lies in it: regions are unions of such mappings.
    if (region !== undefined && region.start <= start && natureOf(vma) === natureOf(region.like)) held.push(vma);
  }
  return held;
}

export function rangesOf(vmas: readonly { readonly start: bigint | number; readonly end: bigint | number }[]): PageSet {
  return unite([vmas.flatMap(({ start, end }) => [Number(start), Number(end)])]);
}

/** Where mappings of the same nature overlap in at least two of the family. In order, none in another's way. */
function commonRegions(family: Family, blocked: PageSet): Region[] {
  const byNature = new Map<string, { start: number; end: number; pid: number; like: vma_entry }[]>();
  for (const { pid, mm } of family.values()) {
    for (const like of mm.vmas) {
      const nature = natureOf(like);
      if (nature === undefined) continue;
      const others = byNature.get(nature) ?? [];
      others.push({ start: Number(like.start), end: Number(like.end), pid, like });
      byNature.set(nature, others);
    }
  }
  const regions: Region[] = [];
  for (const mappings of byNature.values()) {
    mappings.sort((a, b) => a.start - b.start);
    for (let i = 0; i < mappings.length; ) {
      const first = mappings[i] as (typeof mappings)[number];
      let { end } = first;
      let shared = false;
      for (i++; i < mappings.length && (mappings[i]?.start ?? end) < end; i++) {
        shared ||= mappings[i]?.pid !== first.pid;
        end = Math.max(end, mappings[i]?.end ?? 0);
      }
      if (shared) regions.push({ start: first.start, end, like: first.like });
    }
  }
  regions.sort((a, b) => a.start - b.start);
  let last = 0;
  return regions.filter(({ start, end }) => {
    if (start < last || intersect([start, end], blocked).length > 0) return false;
    last = end;
    return true;
  });
}

/** Those that have any of these pages. */
function regionsWith(pages: PageSet, regions: readonly Region[]): Region[] {
  let i = 0;
  return regions.filter(({ start, end }) => {
    while (i < pages.length && (pages[i + 1] as number) <= start) i += 2;
    return i < pages.length && (pages[i] as number) < end;
  });
}

const SPECIAL = VMA.VSYSCALL | VMA.VDSO | VMA.VVAR | VMA.AIORING | VMA.SHSTK | VMA.GUARD | VMA.UPROBES;
/** Advice that decides what memory is filled with. */
export const HUGE_PAGE_ADVICE = [MADV.HUGEPAGE, MADV.NOHUGEPAGE] as const;

/** What can't be changed when it is mapped; undefined where it can't be handed down. */
function natureOf({ status, shmid, start, pgoff, flags, madv = 0n }: vma_entry): string | undefined {
  if (status & SPECIAL || (flags & MAP.TYPE) !== MAP.PRIVATE || flags & MAP.HUGETLB) return undefined;
  const file = (status & VMA.FILE_PRIVATE) !== 0 ? `${shmid} ${start - pgoff}` : status & VMA.ANON_PRIVATE ? '' : undefined;
  if (file === undefined) return undefined;
  const advice = HUGE_PAGE_ADVICE.map((bit) => (madv >> BigInt(bit)) & 1n).join('');
  return `${file} ${flags & (MAP.GROWSDOWN | MAP.NORESERVE)} ${advice}`;
}
