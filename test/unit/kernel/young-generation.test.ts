import { execFileSync } from 'node:child_process'

import { expect, test } from 'vitest'

import { NO_GROWTH } from '../../../daemon/kernel/young-generation.ts'
import { NODES } from '../../helpers/nodes.ts'

/** A tenth survives for a while: that is what makes V8 enlarge the space. */
const BURST = `
  const { getHeapSpaceStatistics, setFlagsFromString } = require('node:v8')
  if (process.argv[1] !== undefined) setFlagsFromString(process.argv[1])
  let kept = []
  for (let i = 0; i < 3_000_000; i += 1) {
    const one = { i, text: 'x' + i }
    if (i % 10 === 0) kept.push(one)
    if (kept.length > 50_000) kept = []
  }
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  console.log(space.space_size / 1e6)
`

test.each(NODES)('%s: a burst of work does not enlarge the young generation', (_name, node) => {
  const megabytes = (...flags: string[]): number =>
    Number(execFileSync(node, ['-e', BURST, '--', ...flags], { encoding: 'utf8' }))
  expect(megabytes()).toBeGreaterThan(16)
  expect(megabytes(NO_GROWTH)).toBeLessThan(4)
})
