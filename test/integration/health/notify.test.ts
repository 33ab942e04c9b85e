import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { systemClock } from '../../../daemon/kernel/clock.ts'
import { HELPER_PROGRAMS } from '../../../daemon/supervisor/health/notify/helper-programs.ts'
import type { Notification } from '../../../daemon/supervisor/health/notify/notification.ts'
import { createNotifyHub } from '../../../daemon/supervisor/health/notify/notify-hub.ts'
import { runCommand } from '../../../daemon/supervisor/run-command.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { tempHome } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'

const never = new AbortController().signal
const PYTHON = '/usr/bin/env'

function python(says: string[], given: Partial<AppSpec> = {}): AppSpec {
  return sampleSpec({
    name: 'app',
    script: join(FIXTURES, 'notify.py'),
    args: says,
    cwd: FIXTURES,
    interpreter: PYTHON,
    interpreterName: 'python3',
    interpreterArgs: ['python3'],
    runtime: 'other',
    env: { PATH: process.env['PATH'] ?? '' },
    waitReady: true,
    hangTimeoutMs: 1000,
    ...given,
  })
}

describe.each(HELPER_PROGRAMS)('$file', (program) => {
  test('receives what any program sends; a socket that is closed is gone', async () => {
    using home = tempHome()
    const dir = join(home.paths.root, 'notify')
    const heard: Notification[] = []
    using hub = createNotifyHub({ dir, programs: [program], log: () => undefined })
    const one = hub.open((said) => heard.push(said))
    const other = hub.open(() => expect.fail('not its socket'))
    expect(await one.opened).toBeUndefined()
    expect(await other.opened).toBeUndefined()
    const send = `import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(${JSON.stringify(one.path)}); s.send(b'READY=1\\nSTATUS=a b  c\\nWATCHDOG_USEC=2000000')`
    await runCommand(
      { command: ['python3', '-c', send], cwd: '/', env: process.env },
      never,
      systemClock(),
    )
    await until(() => heard.length > 0)
    expect(heard).toEqual([
      { ready: true, stopping: false, watchdog: undefined, watchdogMs: 2000, status: 'a b  c' },
    ])
    one[Symbol.dispose]()
    await until(() => !existsSync(one.path))
    expect(existsSync(other.path)).toBe(true)
  })

  test('is ended → sockets are opened anew, by a new one', async () => {
    using home = tempHome()
    const log: Record<string, unknown>[] = []
    const heard: Notification[] = []
    using hub = createNotifyHub({
      dir: join(home.paths.root, 'notify'),
      programs: [program],
      log: (_, fields) => log.push(fields),
    })
    const socket = hub.open((said) => heard.push(said))
    await socket.opened
    expect(hub.pid()).toBeGreaterThan(1)
    process.kill(hub.pid()!, 'SIGKILL')
    await until(() => log.length === 1)
    const send = `import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(${JSON.stringify(socket.path)}); s.send(b'READY=1')`
    await until(async () => {
      await runCommand(
        { command: ['python3', '-c', send], cwd: '/', env: process.env },
        never,
        systemClock(),
      )
      return heard.length > 0
    })
  })
})

test('no such helper on this system → told', async () => {
  using home = tempHome()
  const programs = [
    { file: 'no-perl', args: [] },
    { file: 'no-python', args: [] },
  ]
  using hub = createNotifyHub({ dir: join(home.paths.root, 'n'), programs, log: () => undefined })
  expect(await hub.open(() => undefined).opened).toBe(
    'NOTIFY_SOCKET needs no-perl or no-python, and finds none that works',
  )
})

test('READY=1 → ready; STATUS= → a note; the sockets are gone with the supervisor', async () => {
  await using supervisor = await startSupervisor()
  const [outcome] = await supervisor.start(python(['STATUS=warming up', 'READY=1|STATUS=serving']))
  expect(outcome?.result).toBe('ready')
  expect(await supervisor.state(0, ({ notes }) => notes.includes('status: serving'))).toMatchObject(
    { phase: 'ready' },
  )
  const folders = (): string[] =>
    readdirSync(supervisor.home.runDir).filter((name) => name.includes('notify'))
  expect(folders()).toHaveLength(1)
  await supervisor.api.request('instances.stop', { key: 'app', ids: [0], by: 'command' })
  expect(readdirSync(join(supervisor.home.runDir, folders()[0]!))).toEqual([])
})

test('no READY=1 → not ready in time', async () => {
  await using supervisor = await startSupervisor()
  const [outcome] = await supervisor.start(python(['STATUS=warming up'], { listenTimeoutMs: 1500 }))
  expect(outcome).toMatchObject({ result: 'timed-out' })
  expect(outcome?.message).toContain('status: warming up')
})

test(
  'WATCHDOG=1 stays away → replaced; one that never sent it is left alone',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    await supervisor.start(python(['READY=1', 'WATCHDOG=1']))
    const { pid } = supervisor.states.get(0)!
    const after = await supervisor.state(0, ({ lastExit }) => lastExit?.pid === pid)
    expect(after.lastExit).toMatchObject({
      requestedBy: 'hang',
      signal: 'SIGKILL',
      message: 'no WATCHDOG=1 for 1 s',
    })
  },
)

test(
  'WATCHDOG=1 goes on → left alone; STOPPING=1 → out of rotation; a stop while it starts',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    await supervisor.start(python(['READY=1', 'WATCHDOG=1', 'STOPPING=1', 'forever']))
    await supervisor.state(0, ({ phase }) => phase === 'unready')
    const { pid } = supervisor.states.get(0)!
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect(supervisor.states.get(0)).toMatchObject({ pid, restarts: 0 })
  },
)

test('stopped in the moment of its start → stopped', async () => {
  await using supervisor = await startSupervisor()
  await supervisor.start(python(['READY=1']), { wait: false })
  const { outcomes } = await supervisor.api.request('instances.stop', {
    key: 'app',
    ids: [0],
    by: 'command',
  })
  expect(outcomes).toMatchObject([{ result: 'stopped' }])
})
