// The project's own lint rules. Each is a sentence of the architecture that a machine can check.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** `packages/core/src/dump/x.ts`, whatever the platform. */
const place = (context) => path.relative(context.cwd, context.filename).split(path.sep).join('/');

/** A rule that judges every import (static, dynamic, re-export) by its text. `judge` returns a complaint or nothing. */
function importRule(description, judge) {
  return {
    meta: { type: 'problem', docs: { description }, schema: [] },
    create(context) {
      const file = place(context);
      const check = (node) => {
        if (typeof node.source?.value !== 'string') return;
        const message = judge(node.source.value, file);
        if (message) context.report({ node: node.source, message });
      };
      return {
        ImportDeclaration: check,
        ExportNamedDeclaration: check,
        ExportAllDeclaration: check,
        ImportExpression: check,
        CallExpression(node) {
          if (node.callee.name === 'require' && node.arguments[0]?.type === 'Literal') check({ source: node.arguments[0] });
        },
      };
    },
  };
}

/** The file that an import of ours means, from the repository's root; undefined for packages. */
function target(specifier, file) {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file), specifier) : undefined;
}

const isTest = (file) => /\.test\.ts$|\/testing\//.test(file);

/**
 * The resources: files of packages/core/src/resources/GROUP that the group's registry.ts or index.ts imports to put them
 * into its table. Other files there are helpers, which all may use.
 */
const resources = new Set(
  ['files', 'task', 'namespaces'].flatMap((group) => {
    const folder = `packages/core/src/resources/${group}`;
    const tables = ['registry.ts', 'index.ts'].map((name) => `${folder}/${name}`).filter((file) => existsSync(file));
    const imports = tables.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^import \{[^}]*\} from '\.\/(.+)\.js';$/gm)]);
    return imports.map(([, name]) => `${group}/${name}`);
  }),
);

/** `files/pipe` for core/src/resources/files/pipe.ts, where that is a resource. */
function resourceOf(file) {
  const [, name] = /^packages\/core\/src\/resources\/([^/]+\/[^/.]+)\.[jt]s$/.exec(file) ?? [];
  return resources.has(name) ? name : undefined;
}

const coreFolder = (file) => /^packages\/core\/src\/(dump|restore|resources|model|host)\//.exec(file)?.[1];

/** In core: who may not import whom, and why. */
function judgeCore(specifier, file) {
  const to = target(specifier, file);
  if (to === undefined) return undefined;
  const [from, into] = [coreFolder(file), coreFolder(to)];
  if (from === undefined || into === undefined) return undefined;
  if ((from === 'dump' && into === 'restore') || (from === 'restore' && into === 'dump')) {
    return `${from} may not import ${into}: what both need belongs to resources or model.`;
  }
  if (from === 'resources' && (into === 'dump' || into === 'restore')) {
    return `resources may not import ${into}: stages know resources, not the other way round.`;
  }
  if (from === 'model' && into !== 'model') return `model may not import ${into}: it is pure data.`;
  const [a, b] = [resourceOf(file), resourceOf(to)];
  if (a !== undefined && b !== undefined && a !== b) {
    return `the resource ${a} may not import the resource ${b}: it asks the registry.`;
  }
  return undefined;
}

/** poolSyscall() is there, for what is bound to no thread: filling memory by userfaultfd. */
const ASYNC_ALLOWED = ['packages/kernel/src/sys/libc.ts'];

/** CallExpressions `x.async(…)`: koffi's way of calling on another thread. */
const noKoffiAsync = {
  meta: { type: 'problem', docs: { description: 'koffi functions are called on our own thread' }, schema: [] },
  create(context) {
    if (ASYNC_ALLOWED.includes(place(context))) return {};
    return {
      'CallExpression > MemberExpression.callee[property.name="async"]'(node) {
        context.report({ node, message: 'ptrace knows one tracing thread: a call by .async() comes from another, and gets ESRCH.' });
      },
    };
  },
};

const noDefaultExport = {
  meta: { type: 'problem', docs: { description: 'no default exports' }, schema: [] },
  create(context) {
    const message = 'No default exports: a thing has one name everywhere.';
    return {
      ExportDefaultDeclaration: (node) => context.report({ node, message }),
      'ExportSpecifier[exported.name="default"]': (node) => context.report({ node, message }),
    };
  },
};

export const houseRules = {
  rules: {
    'koffi-in-sys': importRule('koffi is imported by kernel/src/sys only', (specifier, file) =>
      specifier === 'koffi' && !file.startsWith('packages/kernel/src/sys/')
        ? 'koffi is for packages/kernel/src/sys only: add the system call there.'
        : undefined,
    ),
    'no-koffi-async': noKoffiAsync,
    'no-child-process': importRule('no child_process below the CLI', (specifier, file) =>
      /^(node:)?child_process$/.test(specifier) && /^packages\/(core|tracee|kernel)\//.test(file) && !isTest(file)
        ? "child_process is not for tracers: libuv reaps its children's ptrace stops. Spawn by kernel/sys."
        : undefined,
    ),
    'core-borders': importRule('borders inside core', judgeCore),
    'no-default-export': noDefaultExport,
  },
};
