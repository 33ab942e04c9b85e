import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { createClient } from '../../../src/client/client.ts'
import { connect } from '../../../src/client/connect.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { homeWithDaemon } from '../../helpers/home-with-daemon.ts'
import { tempHome } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'

const envOf = (home: string): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], LBM_HOME: home })

test('a lost connection rejects every call that is pending, and those that come after', async () => {
  await using cli = await homeWithDaemon()
  const env = envOf(cli.home.root)
  using client = await connect({ home: cli.home.root, env })
  await client.start({ script: join(FIXTURES, 'worker.cjs'), name: 'w' })
  const waiting = [
    client.trigger('w', 'never-answered', undefined, { timeoutMs: 60_000 }),
    client.trigger('w', 'nor-this-one', undefined, { timeoutMs: 60_000 }),
  ]
  const events = client.events()[Symbol.asyncIterator]()
  const event = events.next()
  await client.ping()
  const byCall = createClient({ home: cli.home.root, env }).trigger('w', 'x', undefined, {
    timeoutMs: 60_000,
  })
  const settled = Promise.allSettled([...waiting, event, byCall])
  process.kill((await client.ping()).pid, 'SIGKILL')
  for (const one of await settled) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'DAEMON_UNREACHABLE' } })
  }
  await client.closed
  await expect(client.list()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' })
  // Its successor, which the supervisor starts.
  await until(() =>
    createClient({ home: cli.home.root, env })
      .ping()
      .catch(() => undefined),
  )
})

test('a signal and a time-out end the wait, not the work', async () => {
  await using cli = await homeWithDaemon()
  using client = await connect({ home: cli.home.root, env: envOf(cli.home.root) })
  await client.start({ script: join(FIXTURES, 'worker.cjs'), name: 'w' })
  const reason = new Error('changed my mind')
  const controller = new AbortController()
  const call = client.trigger('w', 'never', undefined, {
    signal: controller.signal,
    timeoutMs: 60_000,
  })
  controller.abort(reason)
  await expect(call).rejects.toBe(reason)
  await expect(client.list({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const slow = client.restart('w', { timeoutMs: 1 })
  await expect(slow).rejects.toMatchObject({ code: 'TIMED_OUT' })
  await expect(client.list()).resolves.toHaveLength(1)
})

test('a file of many apps under one signal: no warning of a leak', async () => {
  await using cli = await homeWithDaemon()
  const client = createClient({ home: cli.home.root, env: envOf(cli.home.root) })
  const script = join(FIXTURES, 'worker.cjs')
  const apps = Array.from({ length: 12 }, (_, index) => ({ name: `w${index}`, script }))
  const file = join(cli.home.root, 'many.json')
  writeFileSync(file, JSON.stringify({ apps }))
  const warnings: Error[] = []
  const warned = (warning: Error): number => warnings.push(warning)
  process.on('warning', warned)
  try {
    await client.startFile(file, { signal: new AbortController().signal })
  } finally {
    process.off('warning', warned)
  }
  expect(warnings).toEqual([])
  await expect(client.list()).resolves.toHaveLength(12)
  const reason = new Error('changed my mind')
  const given = { signal: AbortSignal.abort(reason) }
  await expect(client.startFile(file, given)).rejects.toBe(reason)
})

test('what is asked for after the loop over events began is told by them', async () => {
  await using cli = await homeWithDaemon()
  const client = createClient({ home: cli.home.root, env: envOf(cli.home.root) })
  await client.start({ script: join(FIXTURES, 'worker.cjs'), name: 'w' })
  await client.stop('w')
  const commands: string[] = []
  const reading = (async () => {
    for await (const event of client.events('w')) {
      if (event.type === 'command.done') commands.push(event.command)
      if (commands.at(-1) === 'delete') break
    }
  })()
  // It is stopped: this is answered at once.
  await client.stop('w')
  await client.delete('w')
  await reading
  expect(commands).toEqual(['stop', 'delete'])
})

test('events are looped over, until the signal or the loop ends', async () => {
  await using cli = await homeWithDaemon()
  using client = await connect({ home: cli.home.root, env: envOf(cli.home.root) })
  const controller = new AbortController()
  const seen: LbmEvent[] = []
  const reading = (async () => {
    for await (const event of client.events('all', { signal: controller.signal })) {
      seen.push(event)
      if (event.type === 'instance.exited') controller.abort()
    }
  })()
  await client.ping()
  await client.start({ script: join(FIXTURES, 'worker.cjs'), name: 'w' })
  await client.delete('w')
  await reading
  expect(seen.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['instance.started', 'instance.ready', 'instance.exited']),
  )
})

test('an ecosystem file: missing apps are started, the others get their new definition', async () => {
  await using cli = await homeWithDaemon()
  const folder = mkdtempSync(join(tmpdir(), 'lbm-file-'))
  const file = join(folder, 'ecosystem.json')
  const script = join(FIXTURES, 'worker.cjs')
  const write = (names: string[], mark: string): void =>
    writeFileSync(
      file,
      JSON.stringify({ apps: names.map((name) => ({ name, script, env: { MARK: mark } })) }),
    )
  try {
    using client = await connect({ home: cli.home.root, env: envOf(cli.home.root) })
    write(['a'], '1')
    await client.startFile(file)
    write(['a', 'b'], '2')
    const apps = await client.startFile(file)
    expect(apps.map(({ name }) => name).toSorted()).toEqual(['a', 'b'])
    const marks = (await client.describe('all')).map(({ record }) => record.spec.env['MARK'])
    expect(marks).toEqual(['2', '2'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('no daemon: the list is empty, and who must not start one is told', async () => {
  using home = tempHome()
  const env = envOf(home.paths.root)
  await expect(createClient({ home: home.paths.root, env }).list()).resolves.toEqual([])
  await expect(connect({ home: home.paths.root, env, start: false })).rejects.toMatchObject({
    code: 'DAEMON_UNREACHABLE',
  })
})
