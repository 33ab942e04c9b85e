// Who may import whom: the arrows of ARCHITECTURE.md. An import goes down, never up.
// src/ and daemon/ meet in src/contract/ only.

/** `from` may import own files only under `to` (and its own folder), plus Node and packages. */
function mayImport(from, to, why) {
  return {
    name: `arrow: ${from}`,
    comment: why,
    severity: 'error',
    from: { path: `^${from}/` },
    to: {
      path: '^(src|daemon|bin|scripts|test)/',
      pathNot: [from, ...to].map((folder) => `^${folder}`),
    },
  }
}

const ADAPTERS = ['daemon/registry', 'daemon/cloud', 'daemon/proxies']
const TEST_ONLY = [
  'vitest',
  '@vitest',
  'fast-check',
  'execa',
  'express',
  'fastify',
  'koa',
  'socket\\.io',
  'undici',
]

// A machine, the states it moves between, and the rules it decides by.
const PURE_PARTS = '^daemon/(.+/(machine|state|[a-z-]*policy)\\.ts$|supervisor/instance/steps/)'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or share a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },

    mayImport('src/contract', [], 'What crosses a process boundary imports nobody.'),
    mayImport(
      'src/config',
      ['src/contract/'],
      'Config runs in the caller’s process and knows no client.',
    ),
    mayImport('src/client', ['src/config/', 'src/contract/'], 'The client knows no command line.'),
    mayImport(
      'src/cli',
      ['src/client/', 'src/config/', 'src/contract/'],
      'The CLI reaches the daemon by RPC only.',
    ),

    mayImport('daemon/kernel', ['src/contract/'], 'The kernel knows nothing of apps or instances.'),
    mayImport(
      'daemon/balancer',
      ['daemon/kernel/', 'src/contract/'],
      'Balancing knows no lifecycle.',
    ),
    mayImport(
      'daemon/supervisor',
      ['daemon/balancer/', 'daemon/kernel/', 'src/contract/'],
      'A supervisor lives without the daemon.',
    ),
    mayImport(
      'daemon/control',
      [...ADAPTERS, 'daemon/kernel/', 'src/contract/'],
      'The daemon and its supervisors are programs that speak RPC, maybe of different versions.',
    ),
    ...ADAPTERS.map((folder) =>
      mayImport(
        folder,
        ['daemon/kernel/', 'src/contract/'],
        'An adapter knows its port, not who uses it.',
      ),
    ),
    mayImport('daemon/serve', ['src/contract/'], 'A static server is an app like others.'),
    mayImport('daemon/agent', ['src/contract/'], 'The agent runs inside the user’s process.'),

    {
      name: 'kernel-knows-no-apps',
      comment: 'Of the contract, the kernel may use what is not about apps.',
      severity: 'error',
      from: { path: '^daemon/kernel/' },
      to: { path: '^src/contract/(app|instance|events|api|supervisor|agent)\\.ts$' },
    },
    {
      name: 'adapters-through-ports',
      comment: 'The daemon names adapters in its wiring only; everywhere else it knows their port.',
      severity: 'error',
      from: { path: '^daemon/control/', pathNot: '^daemon/control/main\\.ts$' },
      to: { path: '^daemon/(registry|cloud)/', pathNot: '/port\\.ts$' },
    },
    {
      name: 'contract-no-packages-but-valibot',
      comment: 'The contract is in every bundle: no I/O, no state, no weight.',
      severity: 'error',
      from: { path: '^src/contract/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional'],
        pathNot: 'node_modules/(valibot|json-rpc-2\\.0)/',
      },
    },
    {
      name: 'agent-has-no-dependencies',
      comment:
        'Its code runs in every instance: own files, Node, and the contract’s types (agent.ts excepted).',
      severity: 'error',
      from: { path: '^daemon/agent/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional'] },
    },
    {
      name: 'agent-contract-types-only',
      comment: 'A value imported from the contract would bring valibot into every instance.',
      severity: 'error',
      from: { path: '^daemon/agent/' },
      to: {
        path: '^src/contract/',
        pathNot: '^src/contract/agent\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'pure-machines',
      comment:
        'A machine decides and never acts: the contract and its own pure parts (state.ts, *policy.ts) only, no Node, no package.',
      severity: 'error',
      from: { path: PURE_PARTS, pathNot: '^daemon/balancer/policies/' },
      to: { pathNot: ['^src/contract/', PURE_PARTS] },
    },
    {
      name: 'pure-policies',
      comment: 'A policy is a function from candidates to a choice: contract and each other only.',
      severity: 'error',
      from: { path: '^daemon/balancer/policies/' },
      to: { pathNot: '^(src/contract|daemon/balancer/policies)/' },
    },
    {
      name: 'no-test-code-in-what-runs',
      severity: 'error',
      from: { path: '^(src|daemon|bin)/' },
      to: { path: `^(test/|scripts/|node_modules/(${TEST_ONLY.join('|')})/)` },
    },
    {
      name: 'no-unneeded-http-in-the-cli',
      comment: 'node:http costs every command half of Node’s own start; a socket does.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        path: '^(node:)?(http|https|http2)$',
        dependencyTypes: ['core'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.cts', '.mjs', '.cjs', '.js', '.d.ts'],
    },
  },
}
