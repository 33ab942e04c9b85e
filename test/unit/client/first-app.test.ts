import { writeFileSync } from 'node:fs'

import { expect, it } from 'vitest'

import { formatRecord, formatState } from '../../../daemon/control/state-format.ts'
import { firstRecord, mayBegin } from '../../../src/client/first-app.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { tempHome } from '../../helpers/temp-home.ts'

const spec = sampleSpec({ name: 'app', instances: 2 })

it('has the ids that a daemon gives first', () => {
  const { key, slots, listens } = firstRecord(spec)
  expect({ key, listens }).toEqual({ key: 'app', listens: false })
  expect(slots).toEqual([
    { id: 0, number: 0, desired: 'running' },
    { id: 1, number: 1, desired: 'running' },
  ])
})

it.each([
  ['no state', undefined, true],
  ['a state without apps', formatState(0, []), true],
  ['a state with an app', formatState(2, [formatRecord(firstRecord(spec), {})]), false],
  ['a state that nobody can read', '{"schema":1,"ap', false],
])('%s → %s', (_, text, expected) => {
  using home = tempHome()
  if (text !== undefined) writeFileSync(home.paths.state, text)
  expect(mayBegin(spec, home.paths)).toBe(expected)
})

const CHECKED_BY_THE_DAEMON: Partial<AppSpec>[] = [
  { autostart: false },
  { job: { overlap: 'skip' } },
  { cronRestart: '0 3 * * *' },
  { dependsOn: { db: 'ready' } },
]

it.each(CHECKED_BY_THE_DAEMON)('%j is for the daemon to check first', (given) => {
  using home = tempHome()
  expect(mayBegin({ ...spec, ...given }, home.paths)).toBe(false)
})
