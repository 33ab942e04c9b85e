/** Definitions drawn at random, as a file of this app might give them. */

import fc from 'fast-check'

import type { AppSpec } from '../../../../src/contract/app.ts'
import { sampleSpec } from '../../../helpers/sample-spec.ts'

const NAMES = ['PORT', 'HOME', 'PATH', 'TOKEN', 'A', 'B']
const SOURCES = ['shell', 'shell', 'env', 'env_production', 'env_file:.env']

const environment: fc.Arbitrary<Pick<AppSpec, 'env' | 'envSources'>> = fc
  .dictionary(
    fc.constantFrom(...NAMES),
    fc.tuple(fc.constantFrom('', '1', '2', 'x y'), fc.constantFrom(...SOURCES)),
  )
  .map((entries) => ({
    env: Object.fromEntries(Object.entries(entries).map(([name, [value]]) => [name, value])),
    envSources: Object.fromEntries(
      Object.entries(entries).map(([name, [, source]]) => [name, source]),
    ),
  }))

/** Some parts of a definition, each of another kind. */
export const changes: fc.Arbitrary<Partial<AppSpec>> = fc
  .record(
    {
      namespace: fc.constantFrom('default', 'jobs'),
      version: fc.constantFrom('1.0.0', '1.1.0'),
      username: fc.constantFrom('root', 'deploy'),
      args: fc.constantFrom<string[]>([], ['--port', '80']),
      instances: fc.integer({ min: 1, max: 4 }),
      killTimeoutMs: fc.constantFrom(1600, 10_000),
      maxMemoryBytes: fc.constantFrom(1024 ** 3, 12_345),
      realScript: fc.constantFrom('/srv/releases/1/api.js', '/srv/releases/2/api.js'),
      autostart: fc.boolean(),
      dependsOn: fc.constantFrom<AppSpec['dependsOn']>({}, { db: 'ready' }),
      watch: fc.constantFrom<AppSpec['watch']>(undefined, {
        paths: ['/srv'],
        ignore: [],
        delayMs: 200,
        extensions: [],
        usePolling: false,
      }),
      source: fc.constantFrom({ file: '/srv/eco.js', index: 0 }, { file: '/srv/eco.js', index: 3 }),
      raw: fc.constantFrom<AppSpec['raw']>({}, { kill_timeout: '10s' }, { filter_env: 'TOKEN' }),
    },
    { requiredKeys: [] },
  )
  .map((given) => given as Partial<AppSpec>)

/** `filter_env` has been at work when a definition is built. */
function filtered(given: AppSpec): AppSpec {
  const isKept = (name: string): boolean =>
    given.raw['filter_env'] !== name || given.envSources[name] !== 'shell'
  return {
    ...given,
    env: Object.fromEntries(Object.entries(given.env).filter(([name]) => isKept(name))),
  }
}

export const spec: fc.Arbitrary<AppSpec> = fc
  .tuple(changes, environment)
  .map(([given, env]) => filtered(sampleSpec({ ...given, ...env })))
