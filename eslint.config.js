// Lint rules, and the import rules of the house: imports point inwards only, an adapter never imports another adapter.
import stylistic from '@stylistic/eslint-plugin'
import tseslint from 'typescript-eslint'
import guardedCallbacks from './lint/guarded-callbacks.js'

// Access control is not one of them, and keeps to the same: it stands between them and the core, and knows neither.
const adapters = ['access', 'http', 'dns', 'ui', 'cli', 'proxy', 'autoscaling', 'kubernetes', 'eureka', 'consul', 'xds']
// They speak HTTP as dialects of one server (docs/decisions/0022-dialects.md): what that server gives to each is theirs to import.
const dialects = ['kubernetes', 'eureka', 'consul', 'ui']
// What a dialect's words mean, as pure functions: `rollcall import` reads other registries by them.
const forms = ['!**/eureka/form', '!**/eureka/form/**', '!**/consul/form', '!**/consul/form/**']
// The model has a folder of the name of an adapter.
const modelled = ['!**/model/autoscaling', '!**/model/autoscaling/**']
const others = [...adapters.filter((name) => name !== 'autoscaling').map((name) => `**/${name}/**`), '../../autoscaling/**', '!../../model/autoscaling/**']
const forbid = (files, patterns) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] }
})
const inside = (group, message) => ({ group, message })
// A room declares its settings with config/setting.ts; what config/ composes of all rooms is none of its business.
const config = ['**/config/**', '!**/config/setting.ts']

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/dist/', '.tap/', 'data/', 'coverage/', 'server/ui/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { '@stylistic': stylistic },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', prefer: 'type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: ['tap', '@tapjs/core', '@tapjs/test', '@tapjs/asserts'].map((name) => ({ from: 'package', package: name, name: ['test', 'rejects', 'resolves', 'resolveMatch', 'todo', 'skip', 'only'] })) }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'off',
      'prefer-const': 'error'
    }
  },
  {
    files: ['**/*.ts', '**/*.js'],
    plugins: { '@stylistic': stylistic },
    rules: {
      '@stylistic/semi': ['error', 'never'],
      '@stylistic/quotes': ['error', 'single', { avoidEscape: true, allowTemplateLiterals: 'always' }],
      '@stylistic/indent': ['error', 2, { SwitchCase: 1, ignoredNodes: ['TSUnionType *', 'TSTypeAliasDeclaration *'] }],
      '@stylistic/comma-dangle': ['error', 'never'],
      '@stylistic/space-before-function-paren': ['error', 'always'],
      '@stylistic/no-trailing-spaces': 'error',
      '@stylistic/eol-last': 'error',
      '@stylistic/no-multiple-empty-lines': ['error', { max: 1, maxEOF: 0 }],
      '@stylistic/keyword-spacing': 'error',
      '@stylistic/object-curly-spacing': ['error', 'always'],
      '@stylistic/comma-spacing': 'error',
      '@stylistic/max-len': ['error', { code: 160, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true }]
    }
  },
  // No timer and no event handler of the server without a guard. The exceptions, all of them: a command of the CLI ends with its error, and
  // main.ts and process-end.ts are the process itself, where signals and broken pipes are handled before there is a guard.
  {
    files: ['server/**/*.ts'],
    ignores: ['server/cli/**', 'server/main.ts', 'server/process-end.ts'],
    plugins: { rollcall: { rules: { 'guarded-callbacks': guardedCallbacks } } },
    rules: { 'rollcall/guarded-callbacks': 'error' }
  },
  // All files of `npm run test:fast` share one process, and so one root `t`: what is said to it outside of a test is said to all of them.
  // A test that needs a limit of its own has it in its options (`{ timeout: 60_000 }`). And no test sleeps: it waits for the event, or moves a clock.
  { files: ['test/**/*.ts'], ignores: ['test/bench/**'], rules: { 'no-restricted-syntax': ['error', ...[
    [
      'CallExpression[callee.object.name="t"][callee.property.name=/^(setTimeout|plan|end|bailout|before|beforeEach|afterEach)$/]:not(:function *)',
      'The root t belongs to all files of test:fast: say this to a test of its own.'
    ],
    ['MemberExpression[object.name="t"][property.name="jobs"]:not(:function *)', 'The root t belongs to all files of test:fast.'],
    [
      'CallExpression[callee.name=/^(setTimeout|sleep|delay)$/], CallExpression[callee.object.name=/^(globalThis|global|timers)$/][callee.property.name="setTimeout"]',
      'No test sleeps: wait for the event, or pass a clock in and move it.'
    ],
    [
      'ImportDeclaration[source.value=/^(node:)?timers(\\u002fpromises)?$/] ImportSpecifier[imported.name=/^(setTimeout|setInterval|scheduler)$/]',
      'No test sleeps: wait for the event, or pass a clock in and move it.'
    ]
  ].map(([selector, message]) => ({ selector, message }))] } },
  // Tests check bodies that arrive as JSON; their shapes are what the test is about.
  { files: ['test/**/*.ts'], rules: {
    '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/no-unsafe-member-access': 'off', '@typescript-eslint/no-unsafe-argument': 'off',
    '@typescript-eslint/no-unsafe-call': 'off', '@typescript-eslint/no-unsafe-return': 'off', '@typescript-eslint/no-explicit-any': 'off'
  } },
  forbid(['client-sdk/**/*.ts'], [inside(['**/server/**', '**/test/**'], 'The SDK is published alone: it imports nothing of the server.')]),
  forbid(['server/model/**/*.ts'], [inside(['**/registry/**', '**/store/**', ...others, '**/serve.ts', '**/config/**'], 'model/ knows nothing but the wire types and the errors.')]),
  forbid(['server/store/**/*.ts'], [inside(['**/registry/**', ...others, '**/serve.ts', ...config], 'A store knows the contract and the model only.')]),
  forbid(['server/registry/**/*.ts'], [inside(['**/store/sqlite/**', '**/store/redis/**', ...others, '**/serve.ts', ...config], 'The core knows the Store contract, not its implementations, and no adapter.')]),
  ...adapters.map((name) => forbid([`server/${name}/**/*.ts`], [
    inside(['**/store/sqlite/**', '**/store/redis/**'], 'Adapters know the registry, not a store.'),
    inside(['**/registry/**', '!**/registry/core.ts'], 'Adapters import registry/core.ts and model/, nothing else of the core.'),
    inside([
      ...adapters.filter((other) => other !== name).map((other) => `**/${other}/**`), ...modelled,
      ...dialects.includes(name) ? ['!**/http/server', '!**/http/server/**'] : [], ...name === 'cli' ? forms : []
    ], 'An adapter never imports another adapter.'),
    ...(name === 'cli' ? [] : [inside(['**/serve.ts'], 'serve.ts knows the adapters, not they it.')])
  ]))
)
