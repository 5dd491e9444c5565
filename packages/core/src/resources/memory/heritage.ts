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
  readonly nature: Nature;
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

/** Neighbours are one range. */
export function rangesOf(vmas: readonly { readonly start: bigint | number; readonly end: bigint | number }[]): PageSet {
  return pageSetOf(vmas.map(({ start, end }) => ({ address: Number(start), length: Number(end) - Number(start) })));
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
    const estates = [...family.values()].map((one) => estateOf(one, pages.runsOf(one.pid)));
    const regions = commonRegions(estates, unite([...family.values()].map(({ mm }) => blocked(mm))));
    if (regions.length > 0) planFamily(estates, regions, pages, plan);
  }
  return plan;
}

/** What of a process's memory may be shared: private mappings with pages of their own. */
interface Estate {
  readonly pid: number;
  readonly bearer: number | undefined;
  readonly vmas: readonly OwnVma[];
  /** Pages in them. */
  readonly pages: PageSet;
}

interface OwnVma {
  readonly start: number;
  readonly end: number;
  readonly nature: Nature;
  readonly entry: vma_entry;
}

type Family = ReadonlyMap<number, Kin>;

/** Bearers and heirs of one program: one that was started since has nothing in common with who started it. */
function familiesOf(kin: readonly Kin[]): Family[] {
  const byPid = new Map(kin.map((one) => [one.pid, one]));
  const founders = new Map<number, Kin>();
  const founderOf = (one: Kin): Kin => {
    const known = founders.get(one.pid);
    if (known !== undefined) return known;
    const bearer = byPid.get(one.bearer ?? 0);
    const founder = bearer === undefined || bearer.mm.exeFileId !== one.mm.exeFileId ? one : founderOf(bearer);
    founders.set(one.pid, founder);
    return founder;
  };
  const families = new Map<Kin, Map<number, Kin>>();
  for (const one of kin) {
    const founder = founderOf(one);
    const family = families.get(founder) ?? new Map<number, Kin>();
    families.set(founder, family.set(one.pid, one));
  }
  return [...families.values()].filter(({ size }) => size > 1);
}

function estateOf({ pid, bearer, mm }: Kin, runs: readonly StoredRun[]): Estate {
  const vmas: OwnVma[] = [];
  const pages: number[] = [];
  let i = 0;
  for (const entry of mm.vmas) {
    const start = Number(entry.start);
    const end = Number(entry.end);
    while (i < runs.length && (runs[i] as StoredRun).address + (runs[i] as StoredRun).length <= start) i++;
    if (i === runs.length) break;
    if ((runs[i] as StoredRun).address >= end) continue;
    const nature = natureOf(entry);
    if (nature === undefined) continue;
    vmas.push({ start, end, nature, entry });
    for (let j = i; j < runs.length && (runs[j] as StoredRun).address < end; j++) {
      const { address, length } = runs[j] as StoredRun;
      pages.push(Math.max(start, address), Math.min(end, address + length));
    }
  }
  return { pid, bearer, vmas, pages };
}

function planFamily(estates: readonly Estate[], regions: readonly Region[], pages: PageComparison, plan: Map<number, Heritage>): void {
  const sharable = new Map(estates.map((estate) => [estate.pid, intersect(estate.pages, heldRanges(estate.vmas, regions))]));
  const kept = new Map<number, PageSet>();
  const bequeathed = new Map<number, PageSet[]>();
  for (const { pid, bearer = 0 } of estates) {
    const bearers = sharable.get(bearer);
    if (bearers === undefined) continue;
    const candidates = intersect(bearers, sharable.get(pid) ?? []);
    const common = candidates.length === 0 ? candidates : pages.equal(bearer, pid, candidates);
    if (common.length === 0) continue;
    kept.set(pid, common);
    bequeathed.set(bearer, [...(bequeathed.get(bearer) ?? []), common]);
  }
  for (const { pid } of estates) {
    const keptPages = kept.get(pid) ?? [];
    const forHeirs = bequeathed.get(pid) ?? [];
    if (keptPages.length === 0 && forHeirs.length === 0) continue;
    const filled = subtract(unite(forHeirs), keptPages);
    const keptRegions = regionsWith(keptPages, regions);
    const made = regionsWith(filled, regions).filter((region) => !keptRegions.includes(region));
    plan.set(pid, { kept: keptRegions, keptPages, made, filled, hasHeirs: forHeirs.length > 0 });
  }
}

/** What is left of regions when all that is not of them is cut away. @param vmas in order */
function heldRanges(vmas: readonly OwnVma[], regions: readonly Region[]): PageSet {
  const ranges: number[] = [];
  let i = 0;
  for (const { start, end, nature } of vmas) {
    while (i < regions.length && (regions[i] as Region).end <= start) i++;
    const region = regions[i];
    if (region !== undefined && region.start <= start && end <= region.end && nature === region.nature) ranges.push(start, end);
  }
  return ranges;
}

/** Mappings of a process that are cut out of regions instead of being made. */
export function heldVmas({ vmas }: mm_entry, regions: readonly Region[]): vma_entry[] {
  const held: vma_entry[] = [];
  let i = 0;
  for (const vma of regions.length === 0 ? [] : vmas) {
    const start = Number(vma.start);
    while (i < regions.length && (regions[i] as Region).end <= start) i++;
    const region = regions[i];
    if (region === undefined) break;
    if (region.start <= start && Number(vma.end) <= region.end && natureOf(vma) === region.nature) held.push(vma);
  }
  return held;
}

/** Where mappings of the same nature overlap in at least two relatives. In order, none in another's way. */
function commonRegions(estates: readonly Estate[], blocked: PageSet): Region[] {
  const byNature = new Map<Nature, { vma: OwnVma; pid: number }[]>();
  for (const { pid, vmas } of estates) {
    for (const vma of vmas) {
      const others = byNature.get(vma.nature);
      if (others === undefined) byNature.set(vma.nature, [{ vma, pid }]);
      else others.push({ vma, pid });
    }
  }
  const regions: Region[] = [];
  for (const [nature, mappings] of byNature) {
    mappings.sort((a, b) => a.vma.start - b.vma.start);
    for (let i = 0; i < mappings.length; ) {
      const { vma, pid } = mappings[i] as (typeof mappings)[number];
      let { end } = vma;
      let shared = false;
      for (i++; i < mappings.length; i++) {
        const next = mappings[i] as (typeof mappings)[number];
        if (next.vma.start >= end) break;
        shared ||= next.pid !== pid;
        end = Math.max(end, next.vma.end);
      }
      if (shared) regions.push({ start: vma.start, end, nature, like: vma.entry });
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
const HUGE_PAGE_BITS = HUGE_PAGE_ADVICE.reduce((bits, advice) => bits | (1 << advice), 0);

/** What can't be changed when it is mapped: of a file, or (a number) anonymous. */
type Nature = string | number;

/** undefined where it can't be handed down. */
function natureOf({ status, shmid, start, pgoff, flags, madv }: vma_entry): Nature | undefined {
  if (status & SPECIAL || (flags & MAP.TYPE) !== MAP.PRIVATE || flags & MAP.HUGETLB) return undefined;
  // Flags have the lower half.
  const advice = madv === undefined ? 0 : Number(madv) & HUGE_PAGE_BITS;
  const bits = (flags & (MAP.GROWSDOWN | MAP.NORESERVE)) | (advice << 8);
  if (status & VMA.FILE_PRIVATE) return `${shmid} ${start - pgoff} ${bits}`;
  return status & VMA.ANON_PRIVATE ? bits : undefined;
}
