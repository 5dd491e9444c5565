// Lint: typescript-eslint's strict rules, who may import whom, and the house rules (docs: CONTRIBUTING.md).
// tools/lint/lint.test.ts shows that each rule here that forbids something really does.
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';
import { houseRules } from './tools/lint/house-rules.mjs';

const layer = (name, ...may) => ({ sourceTag: `layer:${name}`, onlyDependOnLibsWithTags: may.map((tag) => `layer:${tag}`) });

/** Nothing is allowed by default: a layer without a row may import no other. */
const layers = [
  layer('cli', 'core', 'images'),
  layer('core', 'tracee', 'images', 'kernel', 'wasm', 'network-lock'),
  layer('network-lock', 'kernel'),
  layer('tracee', 'kernel'),
  layer('kernel'),
  layer('images', 'wasm'),
  layer('wasm'),
  layer('native'),
  layer('e2e', 'core', 'images', 'kernel', 'wasm'),
  layer('tools'),
];

const sources = ['packages/*/src/**/*.ts', 'wasm/**/*.ts'];
const tests = ['**/*.test.ts', '**/testing/**/*.ts', 'e2e/**/*.ts', 'tools/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/gen/**', '**/node_modules/**', '.nx/**', '.tap/**', '**/*.wasm.ts'] },
  {
    files: [...sources, ...tests],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx, house: houseRules },
    linterOptions: { reportUnusedDisableDirectives: 'off' },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        { allow: [], enforceBuildableLibDependency: false, checkDynamicDependenciesExceptions: ['.*'], depConstraints: layers },
      ],
      'house/koffi-in-sys': 'error',
      'house/no-koffi-async': 'error',
      'house/no-child-process': 'error',
      'house/core-borders': 'error',
      'house/no-default-export': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],

      // Only noise here:
      // noUncheckedIndexedAccess makes `!` the way to say "the index was just checked".
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNullish: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Methods here are mostly functions of object literals, and never meet another `this`.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-useless-default-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-duplicate-type-constituents': 'off',
      '@typescript-eslint/no-unnecessary-type-arguments': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
      // `async` says that a function answers by a promise, also where it need not wait yet.
      '@typescript-eslint/require-await': 'off',
      // Blind to what a closure changes.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Slow, for what no code here has: enums, classes passed for one another.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-deprecated': 'off',
    },
  },
  {
    files: tests,
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
