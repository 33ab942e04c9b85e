import { expect, test } from 'vitest'

import { supervisorIdOf } from '../../../daemon/control/supervisor-id.ts'

const id = (key: string, runDir = '/home/u/.lbm/run'): string =>
  supervisorIdOf(key, { mode: 'cluster' }, runDir)

test('fork apps share one', () => {
  expect(supervisorIdOf('api', { mode: 'fork' }, '/r')).toBe('fork')
})

test('cluster apps have one each, by name', () => {
  expect(id('api')).toBe('app-api')
})

test('keys that would be one file name stay apart', () => {
  const ids = ['a b', 'a-b', 'a/b', 'a~b', 'a\\b', '../a', 'ä', 'fork'].map((key) => id(key))
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((one) => /^app-[a-zA-Z0-9.-]+$/.test(one))).toBe(true)
})

test.each([['/home/u/.lbm/run'], [`/${'x'.repeat(78)}/run`], ['/r']])(
  'a name of 200 characters under %s → a path that a socket can have',
  (runDir) => {
    const path = `${runDir}/${id('n'.repeat(200), runDir)}.sock`
    expect(path.length).toBeLessThanOrEqual(103)
    expect(id(`${'n'.repeat(199)}m`, runDir)).not.toBe(id('n'.repeat(200), runDir))
  },
)
