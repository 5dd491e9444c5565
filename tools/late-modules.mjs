// For programs that start often: modules that most runs don't need come to be when they are first used.
//
// The body of such a module moves into a function, and what it exports is replaced by doors: functions and proxies that
// call that function at the first touch. The sources don't know of it. V8's code cache then holds one function for the
// module, and no closures, tables or classes of it are made at the start.
/** Stays where it is. */
const LITERAL = /^export const \w+ = (\d\w*|'[^']*');$/;

/** The TypeScript of a module, made late. It exports functions, classes and objects, or simple numbers and strings. */
export function lateModule(source, file) {
  const imports = [];
  const body = [];
  const lines = source.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const isImport = lines[i].startsWith('import ');
    if (!isImport && !LITERAL.test(lines[i])) {
      body.push(lines[i]);
      continue;
    }
    imports.push(lines[i]);
    if (!isImport) continue;
    while (!lines[i].endsWith(';')) imports.push(lines[++i]);
  }
  const doors = exportsOf(source, file);
  return `${imports.join('\n')}
let _made: any;
const _make = (): any => (_made ??= _body());
function _body(): any {
${body.join('\n').replaceAll(/^export (?=type |interface |abstract |async |function|class |const )/gm, '')}
return { ${doors.map(({ name }) => name).join(', ')} };
}
const _traps = (of: () => any): any => ({
  get: (_: any, key: any) => {
    const value = of()[key];
    // What is private to an object is so to no proxy.
    return typeof value === 'function' ? value.bind(of()) : value;
  },
  has: (_: any, key: any) => key in of(),
});
const _object = (of: () => any): any => new Proxy({}, {
  ..._traps(of),
  ownKeys: () => Reflect.ownKeys(of()),
  getOwnPropertyDescriptor: (_, key) => ({ ...Reflect.getOwnPropertyDescriptor(of(), key), configurable: true }),
});
const _callable = (of: () => any): any => new Proxy(function () {}, {
  ..._traps(of),
  apply: (_, self, args) => of().apply(self, args),
  construct: (_, args) => new (of())(...args),
});
${doors.map(({ name, how }) => `export ${stand({ name, how })}`).join('\n')}
`;
}

/** A door. */
function stand({ name, how }) {
  if (how === 'function') return `function ${name}(...args: any[]): any { return _make().${name}(...args); }`;
  return `const ${name}: any = /* @__PURE__ */ _${how}(() => _make().${name});`;
}

/** The values that a module exports. @throws Error where a door can't stand for one */
function exportsOf(source, file) {
  const found = [];
  for (const [line, kind, name] of source.matchAll(/^export (?!type |interface )(?:abstract )?(async function|function\*?|class|const|let|\*|\{)(?: (\w+))?.*$/gm)) {
    if (LITERAL.test(line)) continue;
    const isArrow = kind === 'const' && / => /.test(line) && / = (async )?\(/.test(line);
    const isNamer = kind === 'const' && / = \/\* @__PURE__ \*\/ namer\(/.test(line);
    const how = kind.includes('function') || isArrow ? 'function' : kind === 'class' || isNamer ? 'callable' : kind === 'const' && / = \{/.test(line) ? 'object' : undefined;
    if (how === undefined) throw new Error(`${file} can't come late: ${line}`);
    found.push({ name, how });
  }
  return found;
}
