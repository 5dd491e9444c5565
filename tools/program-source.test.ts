// What the build of the program makes of the sources.
import t from 'tap';
// @ts-expect-error: a plain script, without types
import { tableInliner as inlinerOf } from './inline-tables.mjs';
// @ts-expect-error: a plain script, without types
import { lateModule as lateModuleOf } from './late-modules.mjs';

const tableInliner = inlinerOf as () => Promise<(source: string) => string>;
const lateModule = lateModuleOf as (source: string, file: string) => string;

t.test('numbers of the ABI are written where they are used', async (t) => {
  const inline = await tableInliner();
  const head = "import { AT, SYS, stat } from '@criu-ts/kernel/abi';\n";
  const rows: [name: string, source: string, expected: string][] = [
    ['a number', 'call(SYS.read, 1)', 'call(0, 1)'],
    ['a negative one', 'x = AT.FDCWD;', 'x = (-100);'],
    ['no such name', 'SYS.no_such', 'SYS.no_such'],
    ['what is no table', 'stat.size', 'stat.size'],
    ['not imported', 'CLONE.FILES', 'CLONE.FILES'],
    ['a property of something else', 'own.SYS.read', 'own.SYS.read'],
    ['a type', 'type Read = typeof SYS.read;', 'type Read = typeof SYS.read;'],
    ['the table itself', 'Object.keys(SYS)', 'Object.keys(SYS)'],
  ];
  for (const [name, source, expected] of rows) t.equal(inline(head + source), head + expected, name);
  t.equal(inline('SYS.read'), 'SYS.read', 'nothing imported');
});

t.test('a module that comes late', async (t) => {
  const { outputFiles } = await import('esbuild').then(({ build }) =>
    build({
      stdin: {
        contents: lateModule(
          `import path from 'node:path';
(globalThis as any).made = ((globalThis as any).made ?? 0) + 1;
export const SIZE = 0x10;
export interface Point { readonly x: number }
export const kind = {
  name: 'kind',
  base: (of: string) => path.basename(of),
};
export const twice = (n: number): number => 2 * n;
export function later(n: number): number {
  return twice(n) + hidden;
}
const hidden = 1;
export class Box {
  readonly #n: number;
  constructor(n: number) {
    this.#n = n;
  }
  get n(): number {
    return this.#n;
  }
}
`,
          'late.ts',
        ),
        loader: 'ts',
      },
      write: false,
      format: 'esm',
      platform: 'node',
    }),
  );
  const made = (): number => (globalThis as { made?: number }).made ?? 0;
  const late = (await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? []).toString('base64')}`)) as Record<string, never> & {
    SIZE: number; later: (n: number) => number; twice: (n: number) => number; kind: { name: string; base: (of: string) => string }; Box: new (n: number) => { n: number };
  };
  t.equal(late.SIZE, 16, 'literals are there at once');
  t.equal(made(), 0, 'nothing else is');
  t.equal(late.later(3), 7, 'a function');
  t.equal(late.twice(4), 8, 'a constant one');
  t.same([late.kind.name, late.kind.base('/a/b'), 'name' in late.kind, Object.keys(late.kind)], ['kind', 'b', true, ['name', 'base']], 'an object');
  t.same(Object.entries({ ...late.kind }).length, 2, 'also taken apart');
  t.equal(new late.Box(5).n, 5, 'a class, with what is private to it');
  t.equal(made(), 1, 'made once');
});

t.test('what no door can stand for is told', async (t) => {
  for (const line of ['export const size = 4 * 1024;', 'export let counter = 0;', "export * from './other.js';", 'export const names = new Map();']) {
    t.throws(() => lateModule(`${line}\n`, 'late.ts'), /late\.ts can't come late/, line);
  }
});
