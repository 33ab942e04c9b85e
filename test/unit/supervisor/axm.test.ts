import { expect, test } from 'vitest'

import { axmAfter, NO_AXM } from '../../../daemon/supervisor/instance/axm.ts'

test('an action is registered once by name, the last word counts', () => {
  const first = axmAfter(NO_AXM, { type: 'axm:action', data: { action_name: 'a', arity: 0 } })
  const second = axmAfter(first ?? NO_AXM, {
    type: 'axm:action',
    data: { action_name: 'a', arity: 2 },
  })
  expect(second?.axmActions).toEqual([{ action_name: 'a', arity: 2 }])
})

test('figures are merged', () => {
  const first = axmAfter(NO_AXM, { type: 'axm:monitor', data: { Heap: { value: 1 } } })
  const second = axmAfter(first ?? NO_AXM, { type: 'axm:monitor', data: { Loop: { value: 2 } } })
  expect(second?.axmMonitor).toEqual({ Heap: { value: 1 }, Loop: { value: 2 } })
})

test.each([
  ['a text', 'ready'],
  ['a message of the app', { type: 'news', data: {} }],
  ['a reply', { type: 'axm:reply', data: {} }],
  ['no data', { type: 'axm:action', data: null }],
  ['nothing', null],
])('%s changes nothing', (_, message) => {
  expect(axmAfter(NO_AXM, message)).toBeUndefined()
})
