import { expect, test } from 'vitest'

import { get } from './client.ts'
import { appPath, testApp } from './harness.ts'

test('connections spread evenly over the instances', async () => {
  await using app = testApp({ app: appPath('http.cjs') })
  const port = await app.start(3)
  const pids: string[] = []
  for (let n = 0; n < 30; n++) pids.push(await get(port))
  const counts = app.instances.map(
    ({ pid }) => pids.filter((answer) => answer === String(pid)).length,
  )
  expect(counts).toEqual([10, 10, 10])
})
