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
const _proxy = (of: () => any): any => new Proxy(function () {}, {
  get: (_, key) => of()[key],
  has: (_, key) => key in of(),
  apply: (_, self, args) => of().apply(self, args),
  construct: (_, args) => new (of())(...args),
});
${doors.map(({ name, isFunction }) => (isFunction ? `export function ${name}(...args: any[]): any { return _make().${name}(...args); }` : `export const ${name}: any = /* @__PURE__ */ _proxy(() => _make().${name});`)).join('\n')}
`;
}

/** The values that a module exports. @throws Error where a door can't stand for one */
function exportsOf(source, file) {
  const found = [];
  for (const [line, kind, name] of source.matchAll(/^export (?!type |interface )(?:abstract )?(async function|function\*?|class|const|let|\*|\{)(?: (\w+))?.*$/gm)) {
    if (LITERAL.test(line)) continue;
    const isArrow = kind === 'const' && / => /.test(line) && / = (async )?\(/.test(line);
    const isObject = kind === 'const' && / = (\{|\/\* @__PURE__ \*\/ namer\()/.test(line);
    const isFunction = kind.includes('function') || isArrow;
    if (!isFunction && kind !== 'class' && !isObject) throw new Error(`${file} can't come late: ${line}`);
    found.push({ name, isFunction });
  }
  return found;
}
