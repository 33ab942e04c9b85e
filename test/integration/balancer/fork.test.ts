import { expect, test } from 'vitest'

import { freePort } from '../../helpers/free-port.ts'
import { get } from './client.ts'
import { appPath, testApp } from './harness.ts'

test('fork mode: a replacement listens on the same socket while the old one drains', async () => {
  const port = await freePort()
  await using app = testApp({ app: appPath('http.cjs'), mode: 'fork', env: { PORT: String(port) } })
  await app.start(1)
  const [old] = app.instances
  expect(await get(port)).toBe(String(old?.pid))
  const next = app.spawn(0)
  expect(await next.when('listening')).toMatchObject({ port })
  // Out of rotation it listens and accepts nothing.
  for (let n = 0; n < 10; n++) expect(await get(port)).toBe(String(old?.pid))
  app.balancer.setInRotation(next.memberId, true)
  await old?.drain({ idleMs: 50, timeoutMs: 1000 })
  await old?.kill('SIGINT')
  for (let n = 0; n < 10; n++) expect(await get(port)).toBe(String(next.pid))
})
