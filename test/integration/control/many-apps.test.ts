import { expect, test } from 'vitest'

import { fixtureSpec, startDaemon } from '../../helpers/running-daemon.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

/** More than one connection may ask for at once. */
const COUNT = 300

test(
  `${COUNT} apps are started side by side, and one command stops, starts and deletes all`,
  { timeout: 60_000 },
  async () => {
    await using daemon = await startDaemon()
    const program = { script: '/bin/sleep', args: ['600'], runtime: 'other' as const }
    const { interpreter: _, ...sleeper } = sampleSpec(program)
    await Promise.all(
      Array.from({ length: COUNT }, (_each, n) =>
        daemon.start({ ...sleeper, name: `sleeper-${n}` }),
      ),
    )
    expect(await phases()).toEqual({ ready: COUNT })

    const results = async (method: 'app.stop' | 'app.delete'): Promise<string[]> => {
      const { apps } = await daemon.call(method, { selectors: ['all'] })
      return [...new Set(apps.flatMap(({ outcomes }) => outcomes.map(({ result }) => result)))]
    }
    expect(await results('app.stop')).toEqual(['stopped'])
    const { apps } = await daemon.call('app.startExisting', { selectors: ['all'], wait: true })
    expect(apps.flatMap(({ outcomes }) => outcomes.map(({ result }) => result))).toEqual(
      Array.from({ length: COUNT }, () => 'ready'),
    )
    expect(await results('app.delete')).toEqual(['stopped'])
    expect(await daemon.list()).toEqual([])

    async function phases(): Promise<Record<string, number>> {
      const counts: Record<string, number> = {}
      for (const { phase } of await daemon.list()) counts[phase] = (counts[phase] ?? 0) + 1
      return counts
    }
  },
)

test('many that never become ready keep nobody from starting', { timeout: 40_000 }, async () => {
  await using daemon = await startDaemon()
  const waiting = Array.from({ length: 16 }, (_, n) =>
    daemon.start(fixtureSpec('worker.cjs', { name: `waits-${n}`, waitReady: true })),
  )
  await daemon.listed((list) => list.filter(({ pid }) => pid > 0).length === 16)
  const { outcomes } = await daemon.start(fixtureSpec('worker.cjs', { name: 'other' }))
  expect(outcomes).toMatchObject([{ result: 'ready' }])
  const others = (await daemon.list()).filter(({ name }) => name !== 'other')
  expect(others.map(({ phase }) => phase)).toEqual(waiting.map(() => 'starting'))
  await daemon.call('app.stop', { selectors: ['all'] })
  await Promise.all(waiting)
})
