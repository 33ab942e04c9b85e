import { expect, test } from 'vitest'

import { isSelected, resolveSelectors } from '../../../daemon/control/selectors.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

const records = [
  sampleRecord({ name: 'api', namespace: 'web', instances: 2, script: '/srv/api.js' }),
  {
    ...sampleRecord({ name: 'api', namespace: 'web', script: '/srv/api.js' }, { firstId: 2 }),
    key: 'api~2',
  },
  sampleRecord({ name: 'worker', namespace: 'jobs', script: '/srv/w.js' }, { firstId: 3 }),
  sampleRecord({ name: 'jobs', namespace: 'other', script: '/srv/w.js' }, { firstId: 4 }),
  sampleRecord({ name: '3', namespace: 'default', script: '/srv/w.js' }, { firstId: 5 }),
]

const chosen = (...selectors: string[]): string[] =>
  resolveSelectors(selectors, records).map(({ record, ids }) => `${record.key}:${ids.join()}`)

function failure(...selectors: string[]): string {
  try {
    return chosen(...selectors).join()
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint?: string }
    return [code, message, hint].join(' | ')
  }
}

test.each([
  [['all'], ['api:0,1', 'api~2:2', 'worker:3', 'jobs:4', '3:5']],
  [['api'], ['api:0,1', 'api~2:2']],
  [['api~2'], ['api~2:2']],
  [['/srv/api.js'], ['api:0,1', 'api~2:2']],
  [['web'], ['api:0,1', 'api~2:2']],
  // a name comes before a namespace, and both before an id
  [['jobs'], ['jobs:4']],
  [['3'], ['3:5']],
  [['1'], ['api:1']],
  [['/^a/'], ['api:0,1', 'api~2:2']],
  [['/WORKER|work/'], ['worker:3']],
  [
    ['4', '1', 'api~2', '1'],
    ['api:1', 'api~2:2', 'jobs:4'],
  ],
])('%j → %j', (selectors, expected) => {
  expect(chosen(...selectors)).toEqual(expected)
})

test.each([
  [['wrker'], 'APP_NOT_FOUND | No app, namespace or id matches "wrker". | Did you mean "worker"?'],
  [
    ['all', 'nosuch'],
    'APP_NOT_FOUND | No app, namespace or id matches "nosuch". | There is: api, web, api~2, worker, jobs, other, 3.',
  ],
  [['99'], 'APP_NOT_FOUND'],
  [['-1'], 'APP_NOT_FOUND'],
  [['1.0'], 'APP_NOT_FOUND'],
  [['/nosuch/'], 'APP_NOT_FOUND'],
  [['/(/'], 'USAGE | Cannot use /(/ as a pattern: Invalid regular expression'],
  [['//'], 'api:0,1'],
])('%j → %s', (selectors, expected) => {
  expect(failure(...selectors)).toContain(expected)
})

test('no app at all: "all" is an error', () => {
  expect(() => resolveSelectors(['all'], [])).toThrow('There is no app.')
})

test('a pattern that backtracks for ever → USAGE within its time', () => {
  const slow = [sampleRecord({ name: 'a'.repeat(60) })]
  expect(() => resolveSelectors(['/^(a+)+$b/'], slow)).toThrow('it takes too long')
})

test('a name with quotes is not run as code', () => {
  const odd = [sampleRecord({ name: `x"]) + process.exit(1) + (["\`\${1}` })]
  expect(resolveSelectors(['/process/'], odd)).toHaveLength(1)
})

test.each([
  ['all', true],
  ['api', true],
  ['web', true],
  ['0', true],
  ['worker', false],
  ['/(/', false],
])('a subscription to %s covers api: %s', (selector, covers) => {
  expect(isSelected(selector, records[0]!)).toBe(covers)
})
