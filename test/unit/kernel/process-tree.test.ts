import { expect, test } from 'vitest'

import { nextScan } from '../../../daemon/kernel/process-tree.ts'

test('who asks for the process table in one turn shares a look at it; who asks later gets another', async () => {
  const [first, second] = await Promise.all([nextScan(), nextScan()])
  expect(first).toBe(second)
  expect(first?.map(({ pid }) => pid)).toContain(process.pid)
  expect(await nextScan()).not.toBe(first)
})
