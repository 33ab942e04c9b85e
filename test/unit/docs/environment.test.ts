import { expect, test } from 'vitest'

import { environmentOf } from '../../../daemon/supervisor/instance/environment.ts'
import { firstCells, readPage } from '../../helpers/doc-pages.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

test('docs/environment.md has every variable that lbm gives to an app', () => {
  const cluster = sampleSpec({ mode: 'cluster', runtime: 'node', env: {} })
  const python = sampleSpec({ interpreterName: 'python3', runtime: 'other', env: {} })
  const given = [cluster, python].flatMap((spec) =>
    Object.keys(
      environmentOf(
        spec,
        { id: 0, number: 0, workerId: 1 },
        { mode: spec.mode, reportMs: 1000, proxyProtocol: false },
      ),
    ),
  )
  const documented = firstCells(readPage('docs/environment.md')).join(' ')
  expect(given.filter((name) => !documented.includes(`\`${name}\``))).toEqual([])
})
