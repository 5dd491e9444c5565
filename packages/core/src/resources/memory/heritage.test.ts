import type { mm_entry, vma_entry } from '@criu-ts/images';
import { MAP } from '@criu-ts/kernel/abi';
import t from 'tap';
import { heldVmas, type Heritage, type Kin, planHeritage, presentPages, regionsOf } from './heritage.js';
import type { PageSet } from './page-set.js';
import { PAGE, VMA } from './vma-status.js';

/** `anon 0-8`: pages 0 to 7. */
interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly file?: number;
  readonly flags?: number;
}

interface Person {
  readonly pid: number;
  readonly bearer?: number;
  readonly exe?: number;
  readonly vmas: readonly Mapping[];
  /** What each page holds. */
  readonly pages: Readonly<Record<number, string>>;
}

function vmaOf({ start, end, file, flags = 0 }: Mapping): vma_entry {
  const status = VMA.REGULAR | (file === undefined ? VMA.ANON_PRIVATE : VMA.FILE_PRIVATE);
  return { start: BigInt(start * PAGE), end: BigInt(end * PAGE), pgoff: BigInt(file === undefined ? 0 : start * PAGE), shmid: BigInt(file ?? 0), prot: 3, flags: MAP.PRIVATE | flags, status, fd: -1n };
}

function plan(people: readonly Person[], blocked: PageSet = []): { heritages: ReadonlyMap<number, Heritage>; kin: readonly Kin[] } {
  const byPid = new Map(people.map((one) => [one.pid, one]));
  const kin = people.map(({ pid, bearer, exe = 1, vmas }): Kin => ({ pid, mm: { exeFileId: exe, vmas: vmas.map(vmaOf) } as unknown as mm_entry, ...(bearer !== undefined && { bearer }) }));
  const comparison = {
    runsOf: (pid: number) => Object.keys(byPid.get(pid)?.pages ?? {}).map(Number).sort((a, b) => a - b).map((page, i) => ({ address: page * PAGE, length: PAGE, offset: i * PAGE })),
    equal: (a: number, b: number, candidates: PageSet) => pagesOf(candidates).filter((page) => byPid.get(a)?.pages[page] === byPid.get(b)?.pages[page]).flatMap((page) => [page * PAGE, (page + 1) * PAGE]),
  };
  return { heritages: planHeritage(kin, comparison, () => blocked), kin };
}

function pagesOf(set: PageSet): number[] {
  const pages: number[] = [];
  for (let i = 0; i < set.length; i += 2) for (let at = set[i] as number; at < (set[i + 1] as number); at += PAGE) pages.push(at / PAGE);
  return pages;
}

/** Does what a restore does; what each process has in the end, and how many of its pages are its bearer's. */
function follow(people: readonly Person[], blocked?: PageSet): Map<number, { memory: Map<number, string>; shared: number }> {
  const { heritages, kin } = plan(people, blocked);
  const atBirth = new Map<number, Map<number, string>>();
  const result = new Map<number, { memory: Map<number, string>; shared: number }>();
  for (const { pid, bearer, pages } of people) {
    const heritage = heritages.get(pid);
    const memory = new Map(atBirth.get(bearer ?? 0));
    const kept = new Set(pagesOf(heritage?.keptPages ?? []));
    for (const page of memory.keys()) if (!kept.has(page)) memory.delete(page);
    if (memory.size !== kept.size) throw new Error(`${pid} was not born with what it should keep`);
    for (const page of pagesOf(heritage?.filled ?? [])) memory.set(page, pages[page] ?? 'nothing');
    atBirth.set(pid, new Map(memory));
    // Whatever is not in a mapping that is held goes.
    const { mm } = kin.find((one) => one.pid === pid) as Kin;
    const held = heritage === undefined ? [] : heldVmas(mm, regionsOf(heritage));
    const isHeld = (page: number): boolean => held.some(({ start, end }) => page * PAGE >= Number(start) && page * PAGE < Number(end));
    for (const page of memory.keys()) if (!isHeld(page)) memory.delete(page);
    const present = new Set(heritage === undefined ? [] : pagesOf(presentPages(heritage)));
    for (const [page, content] of Object.entries(pages)) if (!present.has(Number(page))) memory.set(Number(page), content);
    result.set(pid, { memory, shared: kept.size });
  }
  return result;
}

const anon = (start: number, end: number, flags?: number): Mapping => ({ start, end, ...(flags !== undefined && { flags }) });

const rows: readonly { readonly name: string; readonly people: readonly Person[]; readonly blocked?: PageSet; readonly shared: readonly number[] }[] = [
  { name: 'a process without relatives', people: [{ pid: 1, vmas: [anon(0, 4)], pages: { 0: 'a' } }], shared: [0] },
  {
    name: 'equal pages are shared, others are not',
    people: [
      { pid: 1, vmas: [anon(0, 4)], pages: { 0: 'a', 1: 'b', 2: 'c' } },
      { pid: 2, bearer: 1, vmas: [anon(0, 4)], pages: { 0: 'a', 1: 'B', 3: 'd' } },
    ],
    shared: [0, 1],
  },
  {
    name: 'another program shares nothing',
    people: [
      { pid: 1, vmas: [anon(0, 4)], pages: { 0: 'a' } },
      { pid: 2, bearer: 1, exe: 2, vmas: [anon(0, 4)], pages: { 0: 'a' } },
    ],
    shared: [0, 0],
  },
  {
    name: 'through three generations, and what only the younger have',
    people: [
      { pid: 1, vmas: [anon(0, 4)], pages: { 0: 'a', 1: 'b' } },
      { pid: 2, bearer: 1, vmas: [anon(0, 4)], pages: { 0: 'a', 1: 'x', 2: 'c' } },
      { pid: 3, bearer: 2, vmas: [anon(0, 4)], pages: { 0: 'a', 1: 'x', 2: 'c' } },
    ],
    shared: [0, 1, 3],
  },
  {
    name: 'a mapping that the child has let grow, cut in two, or moved away from',
    people: [
      { pid: 1, vmas: [anon(0, 4), anon(10, 14), anon(20, 24)], pages: { 0: 'a', 11: 'b', 20: 'c' } },
      { pid: 2, bearer: 1, vmas: [anon(0, 9), anon(10, 12), anon(13, 14), anon(20, 24, MAP.NORESERVE)], pages: { 0: 'a', 7: 'n', 11: 'b', 20: 'c' } },
    ],
    shared: [0, 2],
  },
  {
    name: 'the same file at the same place',
    people: [
      { pid: 1, vmas: [{ start: 0, end: 4, file: 7 }, { start: 4, end: 8, file: 8 }], pages: { 0: 'a', 4: 'b' } },
      { pid: 2, bearer: 1, vmas: [{ start: 0, end: 4, file: 7 }, { start: 4, end: 8, file: 9 }], pages: { 0: 'a', 4: 'b' } },
    ],
    shared: [0, 1],
  },
  {
    name: 'regions in the way of each other, or of what must come to an empty place',
    blocked: [21 * PAGE, 22 * PAGE],
    people: [
      { pid: 1, vmas: [anon(0, 10), anon(10, 20, MAP.NORESERVE), anon(20, 24)], pages: { 0: 'a', 12: 'b', 20: 'c' } },
      { pid: 2, bearer: 1, vmas: [anon(0, 10), anon(10, 20, MAP.NORESERVE), anon(20, 24)], pages: { 0: 'a', 12: 'b', 20: 'c' } },
      { pid: 3, bearer: 2, vmas: [anon(0, 15)], pages: { 0: 'a' } },
    ],
    shared: [0, 1, 1],
  },
];

for (const { name, people, blocked, shared } of rows) {
  t.test(name, async (t) => {
    const result = follow(people, blocked);
    for (const [i, { pid, pages }] of people.entries()) {
      t.same(Object.fromEntries(result.get(pid)?.memory ?? []), pages, `${pid} has its memory`);
      t.equal(result.get(pid)?.shared, shared[i], `${pid} shares as much as it can`);
    }
  });
}

t.test('whatever relatives there are, each has its own memory in the end', async (t) => {
  let state = 1;
  const below = (limit: number): number => (state = (state * 1103515245 + 12345) % 0x8000_0000) % limit;
  let shared = 0;
  for (let round = 0; round < 300; round++) {
    const people: Person[] = [];
    for (let pid = 1; pid <= 6; pid++) {
      const vmas: Mapping[] = [];
      const pages: Record<number, string> = {};
      for (let at = below(3); at < 24; at += below(3)) {
        const end = at + 1 + below(8);
        vmas.push(below(3) === 0 ? { start: at, end, file: 7 } : anon(at, end, below(4) === 0 ? MAP.NORESERVE : 0));
        for (; at < end; at++) if (below(3) > 0) pages[at] = String(below(2));
      }
      people.push({ pid, vmas, pages, exe: 1 + (below(8) === 0 ? 1 : 0), ...(pid > 1 && { bearer: 1 + below(pid - 1) }) });
    }
    const result = follow(people);
    for (const { pid, pages } of people) {
      shared += result.get(pid)?.shared ?? 0;
      const got = Object.fromEntries(result.get(pid)?.memory ?? []);
      if (JSON.stringify(Object.entries(got).sort()) !== JSON.stringify(Object.entries(pages).sort())) {
        t.same(got, pages, `process ${pid} of round ${round}`);
        return;
      }
    }
  }
  t.ok(shared > 1000, `they have shared ${shared} pages`);
});
