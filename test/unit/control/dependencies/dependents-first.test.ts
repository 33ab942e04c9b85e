import fc from 'fast-check'
import { expect, test } from 'vitest'

import { dependentsFirst } from '../../../../daemon/control/dependencies/dependents-first.ts'
import type { AppRecord } from '../../../../src/contract/app.ts'
import { sampleRecord } from '../../../helpers/sample-spec.ts'

function records(needs: Record<string, string[]>): AppRecord[] {
  return Object.entries(needs).map(([name, others]) =>
    sampleRecord({
      name,
      dependsOn: Object.fromEntries(others.map((other) => [other, 'ready' as const])),
    }),
  )
}

async function orderOf(apps: AppRecord[]): Promise<string[]> {
  const ended: string[] = []
  await dependentsFirst(
    apps,
    (record) => record,
    async ({ spec }) => {
      await Promise.resolve()
      ended.push(spec.name)
    },
  )
  return ended
}

test('each app ends once, after whatever depends on it', async () => {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f']
  // An app needs only later letters, so that there is no circle.
  const tables = fc
    .tuple(...letters.map((_, at) => fc.subarray(letters.slice(at + 1))))
    .map((needs) => Object.fromEntries(letters.map((name, at) => [name, needs[at] ?? []])))
  await fc.assert(
    fc.asyncProperty(tables, async (needs) => {
      const ended = await orderOf(records(needs))
      expect(ended.toSorted()).toEqual(letters)
      for (const [name, others] of Object.entries(needs))
        for (const other of others) expect(ended.indexOf(name)).toBeLessThan(ended.indexOf(other))
    }),
  )
})

test('a circle ends, too', async () => {
  expect((await orderOf(records({ a: ['b'], b: ['a'], c: ['c'] }))).toSorted()).toEqual([
    'a',
    'b',
    'c',
  ])
})
