import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { LbmEvent } from '../../../src/contract/events.ts'
import { ask, askAll } from '../../helpers/ask.ts'
import { freePort } from '../../helpers/free-port.ts'
import { processesOf } from '../../helpers/processes.ts'
import { cluster, fixtureSpec, startDaemon } from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const results = ({ outcomes }: { outcomes: { result: string }[] }): string[] =>
  outcomes.map(({ result }) => result)

test('start, list, stop, start again, delete', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  const spec = fixtureSpec('http.cjs', cluster(2, port))
  expect(results(await daemon.start(spec))).toEqual(['ready', 'ready'])
  const list = await daemon.list()
  expect(list).toMatchObject([
    { id: 0, name: 'api', number: 0, phase: 'ready', mode: 'cluster', watching: 'disabled' },
    { id: 1, name: 'api', number: 1, phase: 'ready' },
  ])
  expect(await askAll(port, 2)).toEqual(new Set(list.map(({ pid }) => pid)))

  const { apps } = await daemon.call('app.stop', { selectors: ['api'] })
  expect(apps.flatMap(results)).toEqual(['stopped', 'stopped'])
  await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })

  const again = await daemon.start(spec)
  expect([again.restarted, results(again)]).toEqual([true, ['ready', 'ready']])
  await daemon.call('app.delete', { selectors: ['0'] })
  expect(await daemon.list()).toMatchObject([{ id: 1, phase: 'ready' }])
  await daemon.call('app.delete', { selectors: ['all'] })
  expect(await daemon.list()).toEqual([])
  await until(() => processesOf(daemon.home.root).length === 1)
})

test('one name twice → APP_EXISTS; with force → a second app, found by its key', async () => {
  await using daemon = await startDaemon()
  const spec = fixtureSpec('worker.cjs')
  await daemon.start(spec)
  await expect(daemon.start(spec)).rejects.toMatchObject({
    code: 'APP_EXISTS',
    hint: expect.stringContaining('lbm restart api') as string,
  })
  const other = fixtureSpec('http.cjs')
  await expect(daemon.start(other)).rejects.toMatchObject({ code: 'APP_EXISTS' })
  await daemon.call('app.start', { spec, force: true, wait: true })
  expect((await daemon.list()).map(({ app, name }) => [app, name])).toEqual([
    ['api', 'api'],
    ['api~2', 'api'],
  ])
  await daemon.call('app.stop', { selectors: ['api~2'] })
  expect((await daemon.list()).map(({ phase }) => phase)).toEqual(['ready', 'stopped'])
})

test('a start that fails: errored, told with the last lines, and not tried again after a restart', async () => {
  await using daemon = await startDaemon()
  const outcome = await daemon.start(fixtureSpec('throws.cjs', cluster(2, await freePort())))
  expect(results(outcome)).toContain('failed')
  const told = outcome.outcomes.find(({ exit }) => exit !== undefined)
  expect(told?.exit?.lastLines.join('\n')).toContain('Error')
  expect((await daemon.list()).map(({ phase }) => phase)).toEqual(['errored', 'errored'])
  const state = JSON.parse(readFileSync(daemon.home.state, 'utf8')) as {
    apps: { slots: { desired: string }[] }[]
  }
  expect(state.apps[0]?.slots.map(({ desired }) => desired)).toEqual(['stopped', 'stopped'])
})

test('without waiting: answers after the spawn', async () => {
  await using daemon = await startDaemon()
  const spec = fixtureSpec('slow-boot.cjs', { env: { PORT: '0', BOOT_MS: '800' } })
  const outcome = await daemon.call('app.start', { spec, force: false, wait: false })
  expect(results(outcome)).toEqual(['started'])
  expect((await daemon.list())[0]?.phase).toBe('starting')
})

test('scale up, down, to nothing new, to nonsense', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('http.cjs', cluster(1, await freePort())))
  const scale = (to: string) => daemon.call('app.scale', { selector: 'api', to, wait: true })
  expect(await scale('+2')).toMatchObject({ from: 1, to: 3 })
  expect((await daemon.list()).map(({ id, number, phase }) => [id, number, phase])).toEqual([
    [0, 0, 'ready'],
    [1, 1, 'ready'],
    [2, 2, 'ready'],
  ])
  expect(await scale('-1')).toMatchObject({ from: 3, to: 2 })
  expect((await daemon.list()).map(({ id }) => id)).toEqual([0, 1])
  await expect(scale('2')).rejects.toMatchObject({ code: 'NOTHING_TO_DO' })
  await expect(scale('abc')).rejects.toMatchObject({ code: 'USAGE' })
  await expect(scale('0')).rejects.toMatchObject({ code: 'USAGE' })
})

test('restart with a changed environment, reload with a changed definition, and back', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  const spec = fixtureSpec('http.cjs', {
    ...cluster(2, port),
    reloadMinUptimeMs: 50,
    drainIdleMs: 50,
  })
  await daemon.start(spec)
  const before = (await daemon.list()).map(({ pid }) => pid)
  const restart = { selectors: ['api'], wait: true, rolling: false }
  await daemon.call('app.restart', { ...restart, env: { COLOUR: 'red' } })
  const pids = (await daemon.list()).map(({ pid }) => pid)
  expect(pids.some((pid) => before.includes(pid))).toBe(false)
  expect(readFileSync(`/proc/${pids[0]}/environ`, 'latin1')).toContain('COLOUR=red')

  const changed = { ...spec, instances: 3, args: ['--new'] }
  const reload = { selectors: ['api'], supersede: false, rollback: false }
  const { apps } = await daemon.call('app.reload', { ...reload, specs: [changed] })
  expect(apps[0]?.rollout).toMatchObject({ result: 'done' })
  expect(await askAll(port, 3)).toHaveLength(3)
  expect((await daemon.list()).map(({ number }) => number)).toEqual([0, 1, 2])

  await daemon.call('app.reload', { ...reload, rollback: true })
  const { apps: after } = await daemon.call('app.describe', { selectors: ['api'] })
  expect(after[0]?.record.spec).toMatchObject({ args: [], env: { COLOUR: 'red' }, instances: 2 })
})

test('a stop ends a restart that is under way in the background', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('http.cjs', cluster(4, await freePort())))
  const selectors = ['api']
  await daemon.call('app.restart', { selectors, wait: false, rolling: false })
  await daemon.listed((list) => list.some(({ phase }) => phase !== 'ready'))
  await daemon.call('app.stop', { selectors })
  const phases = async (): Promise<string[]> => (await daemon.list()).map(({ phase }) => phase)
  expect(await phases()).toEqual(['stopped', 'stopped', 'stopped', 'stopped'])
  await daemon.call('app.startExisting', { selectors, wait: true })

  const restarting = daemon.call('app.restart', { selectors, wait: true, rolling: false })
  await daemon.listed((list) => list.some(({ phase }) => phase !== 'ready'))
  await daemon.call('app.stop', { selectors: ['2', '3'] })
  const { apps } = await restarting
  expect(apps[0]?.outcomes?.slice(2)).toMatchObject([
    { number: 2, result: 'superseded', message: 'stopped meanwhile' },
    { number: 3, result: 'superseded' },
  ])
  expect(await phases()).toEqual(['ready', 'ready', 'stopped', 'stopped'])
})

test('an unknown app → APP_NOT_FOUND, and nothing is done for the known one beside it', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('worker.cjs', { name: 'worker' }))
  await expect(daemon.call('app.stop', { selectors: ['worker', 'wroker'] })).rejects.toMatchObject({
    code: 'APP_NOT_FOUND',
    hint: 'Did you mean "worker"?',
  })
  expect((await daemon.list())[0]?.phase).toBe('ready')
})

test('signal, reset, send, flush, reopen', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('noisy.cjs', { env: { LINES: '3' }, autorestart: false }))
  await daemon.start(fixtureSpec('worker.cjs', { name: 'worker' }))
  const [, worker] = await daemon.list()
  expect(await daemon.call('app.signal', { selectors: ['worker'], signal: 'SIGKILL' })).toEqual({
    signalled: [{ id: worker?.id, name: 'worker' }],
  })
  await daemon.listed((list) => list[1]?.restarts === 1 && list[1].phase === 'ready')
  await daemon.call('app.reset', { selectors: ['worker'] })
  await daemon.listed((list) => list[1]?.restarts === 0)
  await expect(daemon.call('app.send', { id: 99, line: 'x' })).rejects.toMatchObject({
    code: 'APP_NOT_FOUND',
  })

  const { files } = await daemon.call('app.flush', { selectors: ['all'] })
  expect(files).toContain(join(daemon.home.logsDir, 'worker-out.log'))
  for (const file of files.filter((one) => one !== daemon.home.daemonLog))
    expect(statSync(file).size).toBe(0)
  expect((await daemon.call('logs.reopen', {})).files).toContain(daemon.home.daemonLog)
})

test('events reach those who subscribed to that app', async () => {
  await using daemon = await startDaemon()
  const all: LbmEvent[] = []
  const some: LbmEvent[] = []
  using everything = await daemon.connect((_, params) => all.push(params as LbmEvent))
  using selected = await daemon.connect((_, params) => some.push(params as LbmEvent))
  await everything.request('events.subscribe', { selectors: ['all'] })
  await expect(
    selected.request('events.subscribe', { selectors: ['nosuch'] }),
  ).rejects.toMatchObject({
    code: 'APP_NOT_FOUND',
  })
  await daemon.start(fixtureSpec('worker.cjs', { name: 'one' }))
  await selected.request('events.subscribe', { selectors: ['one'] })
  await daemon.start(fixtureSpec('worker.cjs', { name: 'two' }))
  await daemon.call('app.stop', { selectors: ['all'] })
  const seen = (events: LbmEvent[]): string[] => events.map(({ app, type }) => `${app} ${type}`)
  await until(() => seen(all).filter((one) => one.endsWith('instance.exited')).length === 2)
  expect(seen(all)).toEqual(expect.arrayContaining(['one instance.started', 'two instance.ready']))
  expect(seen(some)).toContain('one instance.exited')
  expect(new Set(some.map(({ app }) => app))).toEqual(new Set(['one']))
})

test('save and resurrect: what is missing comes back, as it was', async () => {
  await using daemon = await startDaemon()
  const { apps: none } = await daemon.call('state.save', { force: false })
  expect(none).toBe(0)
  await expect(daemon.call('state.resurrect', { wait: true })).rejects.toMatchObject({
    code: 'STATE_UNREADABLE',
  })
  await daemon.start(fixtureSpec('worker.cjs', { name: 'one' }))
  await daemon.start(fixtureSpec('worker.cjs', { name: 'two' }))
  await daemon.call('app.stop', { selectors: ['two'] })
  await daemon.call('state.save', { force: false })
  await daemon.call('app.delete', { selectors: ['all'] })
  await daemon.start(fixtureSpec('worker.cjs', { name: 'two' }))
  const { apps } = await daemon.call('state.resurrect', { wait: true })
  expect(apps.map(({ name }) => name)).toEqual(['one'])
  expect((await daemon.list()).map(({ name, phase }) => [name, phase])).toEqual([
    ['two', 'ready'],
    ['one', 'ready'],
  ])
})
