import { expect, test } from 'vitest'

import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { startSupervisor } from '../../helpers/running-supervisor.ts'
import { until } from '../../helpers/until.ts'
import { sick } from './app.ts'

test.each([
  ['max_requests', 'max-requests', { maxRequests: 50 }, /^served \d+ requests \(max_requests\)$/],
  ['max_age', 'max-age', { maxAgeMs: 2000 }, /^ran for \d\S* s \(max_age\)$/],
] as const)(
  '%s → each instance is replaced by one that is ready first, 0 requests lost',
  { timeout: 30_000 },
  async (_name, by, given, message) => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    await supervisor.start(sick(port, { instances: 2, ...given }))
    const first = new Map([...supervisor.states].map(([id, { pid }]) => [id, pid]))
    const load = startLoad({ port, post: false })
    for (const [id, pid] of first) {
      const after = await supervisor.state(
        id,
        ({ deaths }) => deaths?.some((death) => death.pid === pid) === true,
      )
      const death = after.deaths?.find((one) => one.pid === pid)
      expect(death).toMatchObject({ requestedBy: by, wasReady: true })
      expect(death?.message).toMatch(message)
    }
    const { requests, failures } = await load.stop()
    printFigure(`${by}: ${failures.length} of ${requests} requests failed`)
    expect(failures).toEqual([])
    await until(() => [...supervisor.states.values()].every(({ phase }) => phase === 'ready'))
  },
)
