import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { AppSpec, ProbeSpec } from '../../../src/contract/app.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

/** `sick.cjs`, in as many instances; fork mode for one. */
export function sick(port: number, given: Partial<AppSpec> = {}): AppSpec {
  const { instances = 1 } = given
  return sampleSpec({
    name: 'app',
    script: join(FIXTURES, 'sick.cjs'),
    cwd: FIXTURES,
    drainIdleMs: 500,
    ...(instances > 1 ? { mode: 'cluster', instancesGiven: true } : {}),
    ...given,
    env: { PATH: process.env['PATH'] ?? '', PORT: String(port), ...given.env },
  })
}

/** A probe that is quick enough for a test. */
export function quick(given: Partial<ProbeSpec>): ProbeSpec {
  return {
    initialDelayMs: 0,
    periodMs: 200,
    timeoutMs: 1000,
    failureThreshold: 2,
    successThreshold: 1,
    ...given,
  }
}

export const http = (
  path: string,
  given: Partial<NonNullable<ProbeSpec['http']>> = {},
): Partial<ProbeSpec> => ({
  http: { path, status: [], ...given },
})

/** A folder that is gone with the test. */
export function tempDir(): { dir: string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'lbm-health-'))
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) }
}
