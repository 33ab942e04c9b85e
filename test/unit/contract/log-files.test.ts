import { expect, test } from 'vitest'

import { logFilesOf, pidFileOf, sanitiseFileName } from '../../../src/contract/log-files.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

const LOGS = sampleSpec().logs

test.each([
  ['fork without a count', {}, 'api-out.log'],
  ['fork with a count', { instancesGiven: true }, 'api-out-3.log'],
  ['cluster', { mode: 'cluster' }, 'api-out-3.log'],
  ['merged', { mode: 'cluster', logs: { ...LOGS, merge: true } }, 'api-out.log'],
  ['a path of its own', { mode: 'cluster', logs: { ...LOGS, outFile: '/x/o.log' } }, '/x/o-3.log'],
  ['a path without .log', { mode: 'cluster', logs: { ...LOGS, outFile: '/x/o.txt' } }, '/x/o.txt'],
  ['off', { mode: 'cluster', logs: { ...LOGS, outFile: '/dev/null' } }, '/dev/null'],
  ['a name with other characters', { name: 'my app/é' }, 'my-app---out.log'],
] as const)('%s', (_, given, expected) => {
  const { out } = logFilesOf(sampleSpec(given), '/h/logs', 3)
  expect(out).toBe(expected.startsWith('/') ? expected : `/h/logs/${expected}`)
})

test.each([
  [true, '/h/logs/api.log'],
  ['/x/all.log', '/x/all.log'],
] as const)('combined %s', (combinedFile, expected) => {
  expect(logFilesOf(sampleSpec({ logs: { ...LOGS, combinedFile } }), '/h/logs', 3).combined).toBe(
    expected,
  )
})

test.each([
  [undefined, '/h/pids/api-3.pid'],
  ['/x/p.pid', '/x/p-3.pid'],
  ['/x/p', '/x/p-3'],
])('pid file %s', (pidFile, expected) => {
  expect(pidFileOf(sampleSpec(pidFile === undefined ? {} : { pidFile }), '/h/pids', 3)).toBe(
    expected,
  )
})

test('sanitiseFileName', () => {
  expect(sanitiseFileName('a.b-c_d/../e')).toBe('a.b-c-d-..-e')
})
