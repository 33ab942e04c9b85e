import { expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import { givenVariables } from '../../../src/contract/instance-env.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

const given = (spec: Partial<AppSpec>): Record<string, string> =>
  Object.fromEntries(
    givenVariables(sampleSpec(spec), { id: 7, number: 2 }).map(({ name, value }) => [name, value]),
  )

const ALWAYS = { pm_id: '7', LBM_APP: 'api', LBM_INSTANCE: '2' }

test.each<[string, Partial<AppSpec>, Record<string, string>]>([
  ['a Node program', {}, { NODE_APP_INSTANCE: '2' }],
  ['instance_var', { instanceVar: 'N' }, { N: '2' }],
  [
    'increment_var',
    { incrementVar: 'PORT', env: { PORT: '3000' } },
    { NODE_APP_INSTANCE: '2', PORT: '3002' },
  ],
  ['increment_var of nothing', { incrementVar: 'PORT' }, { NODE_APP_INSTANCE: '2', PORT: '2' }],
  [
    'increment_var of a word',
    { incrementVar: 'PORT', env: { PORT: 'x' } },
    { NODE_APP_INSTANCE: '2', PORT: '2' },
  ],
  ['Python', { interpreterName: 'python3' }, { NODE_APP_INSTANCE: '2', PYTHONUNBUFFERED: '1' }],
  [
    'Python that says so itself',
    { interpreterName: 'python3', env: { PYTHONUNBUFFERED: '' } },
    { NODE_APP_INSTANCE: '2' },
  ],
])('%s', (_what, spec, expected) => {
  expect(given(spec)).toEqual({ ...ALWAYS, ...expected })
})
