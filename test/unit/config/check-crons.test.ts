import { expect, it, test } from 'vitest'

import { checkCrons } from '../../../src/config/check-crons.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { codeOf } from './code-of.ts'

test.each(['0 3 * * *', '*/5 * * * * *', '@daily', undefined])('%s holds', (cronRestart) => {
  expect(() =>
    checkCrons([sampleSpec(cronRestart === undefined ? {} : { cronRestart })], 'eco.json'),
  ).not.toThrow()
})

it('each wrong one is named with its app', () => {
  const specs = [
    sampleSpec({ name: 'a', cronRestart: '61 * * * *', source: { file: 'eco.json', index: 0 } }),
    sampleSpec({ name: 'b', cronRestart: 'x y z v w' }),
    sampleSpec({ name: 'c', cronRestart: '0 3 * * *', cronTimezone: 'Mars/Olympus' }),
  ]
  const error = codeOf(() => checkCrons(specs, 'eco.json'))
  expect(error.code).toBe('CONFIG_INVALID')
  const lines = error.message.split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/^eco\.json: apps\[0\] \(a\)\.cron_restart: "61 \* \* \* \*": /)
  expect(lines[2]).toContain('Mars/Olympus')
})
