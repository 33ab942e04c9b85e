import { expect, test } from 'vitest'

import { takeExpected, withExpected } from '../../../src/contract/head-start.ts'

test('what was told is taken once, and goes to nobody else', () => {
  const env = withExpected({ A: '1' }, { id: 'app-a b', pid: 12 })
  expect(takeExpected(env)).toEqual({ id: 'app-a b', pid: 12 })
  expect(env).toEqual({ A: '1' })
  expect(takeExpected(env)).toBeUndefined()
})

test('nonsense is nothing', () => {
  const env = withExpected({}, { id: '', pid: Number.NaN })
  expect(takeExpected(env)).toBeUndefined()
  expect(env).toEqual({})
})
