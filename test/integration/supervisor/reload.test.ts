import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

const MODES = [
  ['cluster', { mode: 'cluster', instances: 3, instancesGiven: true }],
  ['fork', { mode: 'fork', instances: 1 }],
] as const

function spec(port: number, given: Partial<AppSpec> = {}): AppSpec {
  return sampleSpec({
    name: 'app',
    script: join(FIXTURES, 'http.cjs'),
    cwd: FIXTURES,
    env: { PORT: String(port) },
    reloadMinUptimeMs: 300,
    ...given,
  })
}

const reload = (supervisor: RunningSupervisor, next: AppSpec) =>
  supervisor.api.request('app.reload', { key: 'app', spec: next, by: 'command', supersede: false })

const pids = (supervisor: RunningSupervisor): number[] =>
  [...supervisor.states.values()].map(({ pid }) => pid)

describe.each(MODES)('%s', (_mode, mode) => {
  test('reload under load → every pid is new, 0 requests lost', { timeout: 60_000 }, async () => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    const app = spec(port, mode)
    await supervisor.start(app)
    const load = startLoad({ port, slowMs: 200 })
    for (let round = 0; round < 3; round += 1) {
      const before = pids(supervisor)
      expect(await reload(supervisor, app)).toMatchObject({
        result: 'done',
        replaced: app.instances,
      })
      expect(pids(supervisor).some((pid) => before.includes(pid))).toBe(false)
    }
    const { requests, failures } = await load.stop()
    printFigure(`${_mode}: ${failures.length} of ${requests} requests failed in 3 reloads`)
    expect(failures).toEqual([])
  })

  test.each([
    ['throws at boot', { script: join(FIXTURES, 'throws.cjs') }, /no database/],
    [
      'never listens',
      { script: join(FIXTURES, 'silent.cjs'), listenTimeoutMs: 1500 },
      /not ready within 1500 ms/,
    ],
  ])(
    'a release that %s → rolled back, old pids the same, 0 requests lost',
    { timeout: 60_000 },
    async (_case, broken, message) => {
      await using supervisor = await startSupervisor()
      const port = await freePort()
      const app = spec(port, mode)
      await supervisor.start(app)
      const before = pids(supervisor)
      const load = startLoad({ port })
      const outcome = await reload(supervisor, { ...app, ...broken })
      const { failures } = await load.stop()
      expect(outcome.result).toBe('rolled-back')
      expect(outcome.message).toMatch(message)
      expect(pids(supervisor)).toEqual(before)
      expect(failures).toEqual([])
    },
  )
})

test('fork: an app that listens on any port it gets is reloaded, on another port', async () => {
  await using supervisor = await startSupervisor()
  const app = spec(0)
  await supervisor.start(app)
  const before = supervisor.states.get(0)?.listening[0]?.port
  expect(await reload(supervisor, app)).toMatchObject({ result: 'done' })
  expect(supervisor.states.get(0)?.listening[0]?.port).not.toBe(before)
})
