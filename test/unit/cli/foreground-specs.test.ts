import { expect, test } from 'vitest'

import { foregroundSpecs } from '../../../src/cli/foreground/foreground-specs.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

const two = { isOneOutput: false }

test('a single process ends when it ends, unless its definition says otherwise', () => {
  const spec = sampleSpec({ autorestart: true, instances: 1 })
  expect(foregroundSpecs([spec], two)[0]).toMatchObject({ autorestart: false, restart: 'never' })
  const told = { ...spec, raw: { restart: 'always' } }
  expect(foregroundSpecs([told], two)[0]).toMatchObject({ autorestart: true })
  const several = foregroundSpecs([spec, { ...spec, name: 'other' }], two)
  expect(several.every(({ autorestart }) => autorestart)).toBe(true)
  expect(foregroundSpecs([{ ...spec, instances: 4 }], two)[0]).toMatchObject({ autorestart: true })
})

test('output goes to that of the process', () => {
  const [spec] = foregroundSpecs([sampleSpec()], { ...two, shape: 'json' })
  expect(spec?.logs).toMatchObject({
    type: 'json',
    outFile: '/dev/fd/3',
    errorFile: '/dev/fd/4',
  })
})

test('one file for both has one writer', () => {
  const [spec] = foregroundSpecs([sampleSpec()], { isOneOutput: true })
  expect(spec?.logs).toMatchObject({ outFile: '/dev/fd/3', errorFile: '/dev/fd/3' })
})

test('a file that the user named gets it as well', () => {
  const given = sampleSpec()
  const named = { ...given, logs: { ...given.logs, outFile: '/var/log/a.log' } }
  expect(foregroundSpecs([named], two)[0]?.logs).toMatchObject({
    outFile: '/var/log/a.log',
    errorFile: '/dev/null',
    combinedFile: '/dev/fd/3',
  })
})
