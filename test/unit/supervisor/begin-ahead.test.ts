import { describe, expect, it } from 'vitest'

import { beginAhead } from '../../../daemon/supervisor/begin-ahead.ts'
import { firstRecord } from '../../../src/client/first-app.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { InstanceOutcome, SupervisorApi } from '../../../src/contract/supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

const record = firstRecord(sampleSpec({ name: 'app', instances: 2 }))
const start = { key: 'app', ids: [0, 1], wait: true, rollBack: true }

/** A supervisor that notes what it is asked for. */
function world(outcome: () => Promise<InstanceOutcome[]> = () => Promise.resolve([])) {
  const asked: string[] = []
  const methods = {
    'supervisor.snapshot': () => ({
      id: 'app-app',
      version: '0',
      apps: [{ record, instances: [] }],
    }),
    'app.put': ({ record: { key, slots } }: { record: AppRecord }) => {
      asked.push(`put ${key} ${slots.map(({ id }) => id).join()}`)
      return { instances: [] }
    },
    'app.drop': ({ key }: { key: string }) => {
      asked.push(`drop ${key}`)
      return Promise.resolve({ outcomes: [] })
    },
    'instances.start': async ({ key, ids }: { key: string; ids: number[] }) => {
      asked.push(`start ${key} ${ids.join()}`)
      return { outcomes: await outcome() }
    },
  } as unknown as Implementation<SupervisorApi>
  return { asked, ...beginAhead(methods, (key) => asked.push(`asked for ${key}`)) }
}

/** One that has had the time to begin. */
async function begun(): Promise<ReturnType<typeof world>> {
  const at = world()
  at.begin(record)
  await new Promise(setImmediate)
  return at
}

describe('an app that a command had begun', () => {
  it('is started once, and the daemon hears what came of it', async () => {
    const ready: InstanceOutcome[] = [{ id: 0, number: 0, result: 'ready' }]
    const at = world(() => Promise.resolve(ready))
    at.begin(record)
    await at.methods['app.put']({ record })
    expect(await at.methods['instances.start'](start)).toEqual({ outcomes: ready })
    await at.takeBack()
    expect(at.asked).toEqual(['put app 0,1', 'put app 0,1', 'start app 0,1', 'asked for app'])
  })

  it('is in no list until then', async () => {
    const at = world()
    at.begin(record)
    expect((await at.methods['supervisor.snapshot']({})).apps).toEqual([])
    await at.methods['instances.start'](start)
    expect((await at.methods['supervisor.snapshot']({})).apps).toHaveLength(1)
  })

  it('is started again by the second request', async () => {
    const at = await begun()
    await at.methods['instances.start'](start)
    await at.methods['instances.start'](start)
    expect(at.asked).toEqual(['put app 0,1', 'start app 0,1', 'asked for app', 'start app 0,1'])
  })

  it('fails where the daemon asks, and nowhere else', async () => {
    const at = world(() => Promise.reject(new Error('no room')))
    at.begin(record)
    await new Promise(setImmediate)
    await expect(at.methods['instances.start'](start)).rejects.toThrow('no room')
  })

  it('goes where the daemon has given its ids to another app', async () => {
    const at = await begun()
    const slots = record.slots.map((slot) => ({ ...slot, id: slot.id + 4 }))
    await at.methods['app.put']({ record: { ...record, slots } })
    await at.methods['instances.start']({ ...start, ids: [4, 5] })
    expect(at.asked).toEqual([
      'put app 0,1',
      'start app 0,1',
      'drop app',
      'put app 4,5',
      'start app 4,5',
    ])
  })

  it('is ended where the daemon never asks, once', async () => {
    const at = await begun()
    await at.takeBack()
    await at.takeBack()
    expect(at.asked).toEqual(['put app 0,1', 'start app 0,1', 'drop app'])
  })

  it('that is deleted before the daemon asks is not ended again', async () => {
    const at = await begun()
    await at.methods['app.drop']({ key: 'app' })
    await at.takeBack()
    expect(at.asked).toEqual(['put app 0,1', 'start app 0,1', 'drop app'])
  })

  it('leaves other apps alone', async () => {
    const at = await begun()
    await at.methods['app.put']({ record: { ...record, key: 'other' } })
    await at.methods['instances.start']({ ...start, key: 'other' })
    expect(at.asked.slice(1)).toEqual(['start app 0,1', 'put other 0,1', 'start other 0,1'])
    await at.takeBack()
    expect(at.asked.at(-1)).toBe('drop app')
  })
})
