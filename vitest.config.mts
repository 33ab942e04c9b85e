import { readFileSync } from 'node:fs'

import { defineConfig, type ViteUserConfig } from 'vitest/config'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string
}

// Kinds run one after the other: what measures or waits in e2e is not disturbed by unit tests.
const UNIT = { groupOrder: 0 }
const INTEGRATION = { groupOrder: 1 }
const E2E = { groupOrder: 2 }

/** Real processes on a machine that others may use: what fails each time has failed. Elsewhere the first time counts. */
const RETRIES = process.env['CI'] === undefined ? 0 : 2

const config: ViteUserConfig = defineConfig({
  define: { __LBM_VERSION__: JSON.stringify(version) },
  test: {
    passWithNoTests: true,
    reporters: ['default', './scripts/totals-reporter.mjs'],
    coverage: {
      provider: 'v8',
      include: [
        'src/contract/**',
        'src/config/**',
        'daemon/**/machine.ts',
        'daemon/balancer/policies/**',
      ],
      thresholds: { statements: 95 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          sequence: UNIT,
          maxWorkers: 2,
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/helpers/global-teardown.ts'],
          sequence: INTEGRATION,
          maxWorkers: 3,
          testTimeout: 30_000,
          retry: RETRIES,
          hookTimeout: 15_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/helpers/global-teardown.ts'],
          sequence: E2E,
          // Most of the time they wait for processes of their own.
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          retry: RETRIES,
        },
      },
    ],
  },
})

export default config
