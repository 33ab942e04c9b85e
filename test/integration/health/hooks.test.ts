import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { expect, test } from 'vitest'

import { pidStart } from '../../../daemon/kernel/process-identity.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startSupervisor } from '../../helpers/running-supervisor.ts'
import { until } from '../../helpers/until.ts'
import { sick, tempDir } from './app.ts'

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8') || undefined
  } catch {
    return undefined
  }
}

test('commands get the record on stdin, and their names in the environment', async () => {
  using folder = tempDir()
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const hook = {
    command: ['sh', '-c', `cat > ${folder.dir}/$LBM_HOOK.$LBM_APP.$LBM_INSTANCE`],
    timeoutMs: 5000,
  }
  await supervisor.start(sick(port, { hooks: { onReady: hook, onCrash: hook, onExit: hook } }))
  const ready = await until(() => read(join(folder.dir, 'on_ready.app.0')))
  expect(JSON.parse(ready)).toMatchObject({
    v: 1,
    hook: 'on_ready',
    type: 'instance.ready',
    name: 'app',
    id: 0,
  })
  const { pid } = supervisor.states.get(0)!
  process.kill(pid, 'SIGKILL')
  for (const name of ['on_crash', 'on_exit']) {
    const record = await until(() => read(join(folder.dir, `${name}.app.0`)))
    expect(JSON.parse(record)).toMatchObject({
      hook: name,
      exit: { signal: 'SIGKILL', pid },
      willRestartInMs: 0,
    })
  }
})

test('a URL gets the record as a POST; failures are logged without the address', async () => {
  const requests: { url: string | undefined; type: string | undefined; body: string }[] = []
  const server = createServer((request: IncomingMessage, response) => {
    void text(request).then((body) => {
      requests.push({ url: request.url, type: request.headers['content-type'], body })
      response.statusCode = request.url === '/gone' ? 410 : 204
      response.end()
    })
  }).listen(0, '127.0.0.1')
  await using _ = { [Symbol.asyncDispose]: async () => void server.close() }
  await until(() => server.listening)
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await using supervisor = await startSupervisor()
  const port = await freePort()
  await supervisor.start(
    sick(port, {
      hooks: {
        onReady: { url: `${at}/secret`, timeoutMs: 5000 },
        onExit: { url: `${at}/gone`, timeoutMs: 5000 },
      },
    }),
  )
  const [first] = await until(() => (requests.length > 0 ? requests : undefined))
  expect(first).toMatchObject({ url: '/secret', type: 'application/json' })
  expect(JSON.parse(first?.body ?? '')).toMatchObject({ type: 'instance.ready' })
  process.kill(supervisor.states.get(0)!.pid, 'SIGKILL')
  const log = await until(() => /.*hook\.failed.*/.exec(read(supervisor.home.daemonLog) ?? '')?.[0])
  expect(log).toContain('answered 410')
  expect(log).not.toContain('/gone')
})

test(
  'hooks that never end delay no restart, are bounded in number, and killed with their children',
  { timeout: 30_000 },
  async () => {
    using folder = tempDir()
    await using supervisor = await startSupervisor()
    const port = await freePort()
    const file = join(folder.dir, 'pids')
    const onExit = { command: ['sh', '-c', `echo $$ >> ${file}; sleep 60 & wait`], timeoutMs: 8000 }
    await supervisor.start(sick(port, { hooks: { onExit } }))
    for (let death = 0; death < 6; death += 1) {
      const { pid } = supervisor.states.get(0)!
      const began = performance.now()
      process.kill(pid, 'SIGKILL')
      await supervisor.state(0, (now) => now.phase === 'ready' && now.pid !== pid)
      expect(performance.now() - began).toBeLessThan(3000)
    }
    const exits = () => supervisor.events.filter(({ type }) => type === 'instance.exited')
    await until(() => exits().length === 6)
    const first = read(file)?.trim().split('\n').map(Number) ?? []
    expect(first).toHaveLength(4)
    await until(() => first.every((pid) => pidStart(pid) === 0))
    await until(() =>
      /hook\.failed.*given up after 8 s/.test(read(supervisor.home.daemonLog) ?? ''),
    )
  },
)
