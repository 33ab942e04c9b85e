import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import { freePort } from '../../helpers/free-port.ts'
import { fixtureSpec, type RunningDaemon, startDaemon } from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const APP = `require('node:http').createServer((q, r) => r.end('ok')).listen(0)\n`
const SELF_WRITING = `require('node:fs').writeFileSync('data.json', String(Date.now()))\n${APP}`

interface Project extends Disposable {
  folder: string
  write(file: string, text?: string): void
  spec(given?: Partial<AppSpec>): AppSpec
}

function project(source = APP): Project {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-project-'))
  const write = (file: string, text = `${Math.random()}`): void =>
    writeFileSync(join(folder, file), text)
  mkdirSync(join(folder, 'node_modules'))
  write('app.js', source)
  return {
    folder,
    write,
    spec: (given = {}) =>
      fixtureSpec('http.cjs', {
        script: join(folder, 'app.js'),
        cwd: folder,
        watch: {
          paths: [folder],
          ignore: ['**/node_modules/**', '**/.*', '**/.*/**'],
          delayMs: 0,
          extensions: [],
          usePolling: false,
        },
        ...given,
      }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** chokidar says nothing to the daemon's users when it is ready; a save that it sees does. */
async function untilWatching(daemon: RunningDaemon, { write }: Project): Promise<number> {
  const restarts = async (): Promise<number> => {
    const [one] = await daemon.listed(([first]) => first?.phase === 'ready')
    return one?.restarts ?? 0
  }
  await until(async () => {
    write('probe.txt')
    await sleep(300)
    return (await restarts()) > 0 ? true : undefined
  })
  // The last write may be one restart more.
  return until(async () => {
    const before = await restarts()
    await sleep(1000)
    return (await restarts()) === before ? before : undefined
  })
}

async function recorded(daemon: RunningDaemon): Promise<LbmEvent[]> {
  const events: LbmEvent[] = []
  const peer = await daemon.connect((_, params) => events.push(params as LbmEvent))
  await peer.request('events.subscribe', { selectors: ['all'] })
  return events
}

test('100 saves at once are one restart; node_modules, dotfiles and the logs are none', async () => {
  await using daemon = await startDaemon()
  using app = project()
  await daemon.start(
    app.spec({ logs: { ...app.spec().logs, outFile: join(app.folder, 'out.log') } }),
  )
  expect((await daemon.list())[0]?.watching).toBe('enabled')
  const before = await untilWatching(daemon, app)
  const events = await recorded(daemon)
  for (let n = 0; n < 100; n += 1) app.write(`f${n % 10}.js`)
  await daemon.listed(([one]) => one?.restarts === before + 1 && one.phase === 'ready')

  app.write('node_modules/x.js')
  app.write('.env')
  app.write('out.log')
  app.write('app.js', APP)
  const [one] = await daemon.listed(
    ([first]) => first?.restarts === before + 2 && first.phase === 'ready',
  )
  expect(one?.lastExit?.requestedBy).toBe('watch')
  const restarts = events.filter((event) => event.type === 'watch.restart')
  expect(
    restarts.map(({ files }) => files.map((file) => file.slice(app.folder.length + 1)).toSorted()),
  ).toEqual([Array.from({ length: 10 }, (_, n) => `f${n}.js`), ['app.js']])
})

test('stopped → not watched; started again → watched', async () => {
  await using daemon = await startDaemon()
  using app = project()
  await daemon.start(app.spec())
  await untilWatching(daemon, app)
  await daemon.call('app.stop', { selectors: ['api'] })
  expect((await daemon.list())[0]).toMatchObject({ phase: 'stopped', watching: 'disabled' })
  app.write('app.js', APP)
  await sleep(600)
  expect((await daemon.list())[0]?.phase).toBe('stopped')
  await daemon.call('app.startExisting', { selectors: ['api'], wait: true })
  expect((await daemon.list())[0]).toMatchObject({ phase: 'ready', watching: 'enabled' })
})

test('an app that writes a file that is watched: suspended and told, until somebody restarts it', async () => {
  await using daemon = await startDaemon()
  using app = project(SELF_WRITING)
  const events = await recorded(daemon)
  await daemon.start(app.spec())
  await until(async () => {
    app.write('data.json')
    await sleep(100)
    return events.some((event) => event.type === 'watch.restart') ? true : undefined
  })
  const [one] = await daemon.listed(([first]) => first?.watching === 'suspended')
  expect(one?.phase).toBe('ready')
  expect(events.find((event) => event.type === 'watch.suspended')).toMatchObject({
    message: expect.stringContaining('data.json') as string,
  })
  expect(daemon.log()).toContain('watch.suspended')
  const restarts = one?.restarts
  app.write('other.js')
  await sleep(600)
  expect((await daemon.list())[0]?.restarts).toBe(restarts)
  await daemon.call('app.restart', { selectors: ['api'], wait: true, rolling: false })
  expect((await daemon.list())[0]?.watching).toBe('enabled')
})

test('cron: restarted at its times, not while it is stopped', async () => {
  await using daemon = await startDaemon()
  const spec = fixtureSpec('http.cjs', {
    cronRestart: '* * * * * *',
    cronTimezone: 'Asia/Tokyo',
    drainIdleMs: 50,
    env: { PORT: String(await freePort()) },
  })
  await daemon.start(spec)
  await daemon.listed(([first]) => (first?.restarts ?? 0) >= 2)
  expect(daemon.log()).toContain('"cron.due"')
  await daemon.call('app.stop', { selectors: ['api'] })
  await sleep(1500)
  expect((await daemon.list())[0]?.phase).toBe('stopped')
})

test.each([
  ['nonsense', undefined],
  ['* * * * *', 'Mars/Olympus'],
])('cron %j in %s → CONFIG_INVALID, nothing started', async (cronRestart, cronTimezone) => {
  await using daemon = await startDaemon()
  const spec = fixtureSpec('http.cjs', {
    cronRestart,
    ...(cronTimezone !== undefined && { cronTimezone }),
  })
  await expect(daemon.start(spec)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('cron_restart') as string,
  })
  expect(await daemon.list()).toEqual([])
})
