import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { until } from '../../helpers/until.ts'

const MODES: [string, Partial<AppSpec>][] = [
  ['cluster', { mode: 'cluster', instances: 2, instancesGiven: true }],
  ['fork', { mode: 'fork', instances: 1 }],
]

test.each(MODES)(
  '%s: a successor takes over under load → 0 requests lost, same ids and counts',
  { timeout: 60_000 },
  async (name, mode) => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    const spec = sampleSpec({
      name: 'app',
      script: join(FIXTURES, 'http.cjs'),
      cwd: FIXTURES,
      env: { PORT: String(port) },
      ...mode,
    })
    await supervisor.start(spec)
    const file = join(supervisor.home.runDir, 'test.json')
    const owned = (): { pid: number; instances: { id: number; pid: number }[] } =>
      JSON.parse(readFileSync(file, 'utf8'))
    const before = owned()
    const load = startLoad({ port, slowMs: 200 })
    const { pid } = await supervisor.api.request('supervisor.upgrade', {
      program: join(DIST, 'supervisor.cjs'),
    })
    await supervisor.api.closed
    await until(() => load.result.byPid.has(owned().instances[0]?.pid ?? 0) || undefined)
    const { requests, failures } = await load.stop()
    printFigure(`${name}: ${failures.length} of ${requests} requests failed`)
    const after = owned()
    expect(after.pid).toBe(pid)
    expect(after.instances.map(({ id }) => id)).toEqual(before.instances.map(({ id }) => id))
    expect(after.instances.some((one) => before.instances.some((old) => old.pid === one.pid))).toBe(
      false,
    )
    expect(failures).toEqual([])
    await supervisor.reconnect()
  },
)

test('the successor cannot be started → an error, the old one serves on', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  await supervisor.start(
    sampleSpec({
      name: 'app',
      script: join(FIXTURES, 'http.cjs'),
      cwd: FIXTURES,
      env: { PORT: String(port) },
    }),
  )
  const load = startLoad({ port })
  await expect(
    supervisor.api.request('supervisor.upgrade', { program: join(FIXTURES, 'throws.cjs') }),
  ).rejects.toMatchObject({ code: 'OPERATION_FAILED' })
  expect((await load.stop()).failures).toEqual([])
})
