import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { pidStart } from '../../../daemon/kernel/process-identity.ts'
import { scanProcesses, treeOf } from '../../../daemon/kernel/process-tree.ts'
import { AGAIN_FLAG } from '../../../src/contract/again.ts'
import type { InstanceView } from '../../../src/contract/instance.ts'
import { ask, askAll } from '../../helpers/ask.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { processesOf } from '../../helpers/processes.ts'
import {
  cluster,
  fixtureSpec,
  type RunningDaemon,
  startDaemon,
} from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

/** What must be as it was before. */
const facts = (list: InstanceView[]) =>
  list.map(({ id, pid, restarts, startedAt, createdAt, phase, number }) => ({
    id,
    pid,
    restarts,
    startedAt,
    createdAt,
    phase,
    number,
  }))

async function killDaemon(daemon: RunningDaemon): Promise<void> {
  const pid = daemon.pid()
  process.kill(pid, 'SIGKILL')
  await until(() => pidStart(pid) === 0)
}

/** Another daemon than before answers. */
async function successor(daemon: RunningDaemon, before: number): Promise<void> {
  await until(async () => {
    const info = await daemon.call('daemon.ping', {}).catch(() => undefined)
    return info !== undefined && info.pid !== before
  })
}

function supervisorPid(daemon: RunningDaemon, id: string): number {
  const file = join(daemon.home.runDir, `${id}.json`)
  return (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid
}

test('the daemon is killed 5 times under load: no request fails, the list is the same', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  await daemon.start(fixtureSpec('http.cjs', cluster(2, port)))
  await daemon.start(
    fixtureSpec('http.cjs', { name: 'fork', env: { PORT: String(await freePort()) } }),
  )
  await daemon.start(fixtureSpec('worker.cjs', { name: 'idle' }))
  await daemon.call('app.stop', { selectors: ['idle'] })
  const before = facts(await daemon.list())
  const load = startLoad({ port })
  for (let turn = 0; turn < 5; turn += 1) {
    const pid = daemon.pid()
    await killDaemon(daemon)
    await successor(daemon, pid)
    expect(facts(await daemon.list())).toEqual(before)
  }
  const { requests, failures } = await load.stop()
  expect([requests > 100, failures]).toEqual([true, []])
})

test('a supervisor is killed: nothing of its instances is left, new ones answer, the death is on record', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  await daemon.start(fixtureSpec('http.cjs', cluster(2, port)))
  const before = await daemon.list()
  process.kill(supervisorPid(daemon, 'app-api'), 'SIGKILL')
  const after = await daemon.listed((list) =>
    list.every(({ phase, restarts }) => phase === 'ready' && restarts === 1),
  )
  expect(after.map(({ id, number }) => [id, number])).toEqual(
    before.map(({ id, number }) => [id, number]),
  )
  const { apps } = await daemon.call('app.describe', { selectors: ['api'], reveal: false })
  for (const [index, { lastExit, deaths }] of (apps[0]?.instances ?? []).entries()) {
    expect(lastExit).toMatchObject({ kind: 'supervisor-lost', pid: before[index]?.pid })
    expect(deaths).toEqual([lastExit])
  }
  expect(await askAll(port, 2)).toEqual(new Set(after.map(({ pid }) => pid)))
  for (const { pid, pidStart: start } of before) expect(pidStart(pid)).not.toBe(start)
})

test('the shared supervisor is killed: a program of another language goes with its whole tree, and comes back', async () => {
  await using daemon = await startDaemon()
  const shell = { runtime: 'other', interpreter: '/bin/sh', interpreterName: 'sh' } as const
  await daemon.start(fixtureSpec('family.sh', { ...shell, name: 'family' }))
  await daemon.start(fixtureSpec('worker.cjs', { name: 'stopped' }))
  await daemon.call('app.stop', { selectors: ['stopped'] })
  const [first] = await daemon.list()
  const tree = treeOf(first?.pid ?? 0, scanProcesses())
  expect(tree).toHaveLength(3)
  process.kill(supervisorPid(daemon, 'fork'), 'SIGKILL')
  const [after, stopped] = await daemon.listed(
    ([one]) => one?.phase === 'ready' && one.pid !== first?.pid,
  )
  expect([after?.restarts, stopped?.phase, stopped?.restarts]).toEqual([1, 'stopped', 0])
  for (const { pid, start } of tree) expect(pidStart(pid)).not.toBe(start)
})

test('daemon and supervisors are killed, as by a power cut: the apps come back in order with their ids', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  await daemon.start(fixtureSpec('worker.cjs', { name: 'gone' }))
  await daemon.start(fixtureSpec('http.cjs', cluster(2, port)))
  await daemon.start(fixtureSpec('worker.cjs', { name: 'stopped' }))
  await daemon.call('app.stop', { selectors: ['stopped'] })
  await daemon.call('app.delete', { selectors: ['gone'] })
  for (const { pid } of processesOf(daemon.home.root)) process.kill(pid, 'SIGKILL')
  await until(() => processesOf(daemon.home.root).length === 0)
  daemon.spawn().unref()
  const list = await daemon.listed(
    (all) => all.filter(({ phase }) => phase === 'ready').length === 2,
  )
  expect(list.map(({ id, name, phase }) => [id, name, phase])).toEqual([
    [1, 'api', 'ready'],
    [2, 'api', 'ready'],
    [3, 'stopped', 'stopped'],
  ])
  expect((await ask(port)).status).toBe(200)
})

test('a supervisor that dies while no daemon is there is replaced by the next daemon', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  await daemon.start(fixtureSpec('http.cjs', cluster(1, port)))
  const supervisor = supervisorPid(daemon, 'app-api')
  const pid = daemon.pid()
  process.kill(supervisor, 'SIGSTOP')
  await killDaemon(daemon)
  process.kill(supervisor, 'SIGKILL')
  daemon.spawn().unref()
  await successor(daemon, pid)
  await daemon.listed(([one]) => one?.phase === 'ready')
  expect((await ask(port)).status).toBe(200)
})

test('10 daemons at once, beside a stale lock and a stale socket: one serves, the others leave quietly', async () => {
  await using daemon = await startDaemon()
  await killDaemon(daemon)
  const stale = JSON.parse(readFileSync(daemon.home.daemonPid, 'utf8')) as { pid: number }
  writeFileSync(daemon.home.daemonPid, JSON.stringify({ ...stale, start: 1 }))
  const daemons = Array.from({ length: 10 }, () => daemon.spawn())
  const errors: string[] = []
  for (const { stderr } of daemons)
    stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
  await daemon.answers()
  await until(() => daemons.filter(({ exitCode }) => exitCode !== null).length === 9)
  expect(daemons.map(({ exitCode }) => exitCode).filter((code) => code !== null)).toEqual(
    Array(9).fill(0),
  )
  expect(errors).toEqual([])
  const winner = daemons.find(({ exitCode }) => exitCode === null)
  expect((await daemon.call('daemon.ping', {})).pid).toBe(winner?.pid)
})

test('SIGTERM: everything ends in order; the next daemon brings it back', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('http.cjs', cluster(2, await freePort())))
  process.kill(daemon.pid(), 'SIGTERM')
  await until(() => processesOf(daemon.home.root).length === 0)
  daemon.spawn().unref()
  await daemon.answers()
  await daemon.listed((list) => list.length === 2 && list.every(({ phase }) => phase === 'ready'))
})

test('kill: no process, no socket, no pid file, and nothing comes back', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('http.cjs', cluster(2, await freePort())))
  await daemon.start(fixtureSpec('stubborn.cjs', { name: 'stubborn', killTimeoutMs: 300 }))
  expect(await daemon.call('daemon.kill', {})).toEqual({ stopped: 3 })
  await until(() => processesOf(daemon.home.root).length === 0)
  for (const file of [daemon.home.socket, daemon.home.daemonPid]) {
    expect(() => readFileSync(file)).toThrow('ENOENT')
  }
  daemon.spawn().unref()
  await daemon.answers()
  expect(await daemon.list()).toEqual([])
})

test('kill and SIGTERM: a daemon that a supervisor had started before, and that comes late, leaves again', async () => {
  await using daemon = await startDaemon()
  const late = () => {
    const child = daemon.spawn(AGAIN_FLAG)
    return new Promise((resolve) => {
      child.once('exit', resolve)
    })
  }
  await daemon.start(fixtureSpec('worker.cjs'))
  expect(await late()).toBe(0)
  expect(await daemon.list()).toHaveLength(1)

  process.kill(daemon.pid(), 'SIGTERM')
  await until(() => processesOf(daemon.home.root).length === 0)
  expect(await late()).toBe(0)
  expect(() => readFileSync(daemon.home.daemonPid)).toThrow('ENOENT')

  daemon.spawn().unref()
  await daemon.listed(([one]) => one?.phase === 'ready')
  await daemon.call('daemon.kill', {})
  await until(() => processesOf(daemon.home.root).length === 0)
  expect(await late()).toBe(0)
  expect(processesOf(daemon.home.root)).toEqual([])
})

test('the state file is gone while apps run: they are taken over', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('worker.cjs', { name: 'one' }))
  const before = facts(await daemon.list())
  const pid = daemon.pid()
  writeFileSync(daemon.home.state, '{"schema":1,')
  rmSync(`${daemon.home.state}.bak`, { force: true })
  await killDaemon(daemon)
  await successor(daemon, pid)
  expect(facts(await daemon.list())).toEqual(before)
  const { warnings } = await daemon.call('daemon.ping', {})
  expect(warnings.join()).toContain('state.json.corrupt-1')
})

test('a handover: the daemon leaves alone, and says so to nobody but its successor', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('worker.cjs', { name: 'one' }))
  const before = facts(await daemon.list())
  const pid = daemon.pid()
  await daemon.call('daemon.handover', {})
  await until(() => pidStart(pid) === 0)
  daemon.spawn().unref()
  await successor(daemon, pid)
  expect(facts(await daemon.list())).toEqual(before)
})

test(
  'a supervisor that hangs: the next daemon serves, and takes it over once it answers',
  { timeout: 40_000 },
  async () => {
    await using daemon = await startDaemon()
    const port = await freePort()
    await daemon.start(fixtureSpec('http.cjs', cluster(1, port)))
    await daemon.start(fixtureSpec('http.cjs', { name: 'other' }))
    const before = facts(await daemon.list())
    const hanging = supervisorPid(daemon, 'app-api')
    const pid = daemon.pid()
    process.kill(hanging, 'SIGSTOP')
    try {
      await killDaemon(daemon)
      daemon.spawn().unref()
      await successor(daemon, pid)
      expect((await daemon.list()).find(({ name }) => name === 'other')?.phase).toBe('ready')
    } finally {
      process.kill(hanging, 'SIGCONT')
    }
    await daemon.listed((list) => list.every(({ phase, pid: one }) => phase === 'ready' && one > 0))
    expect(facts(await daemon.list())).toEqual(before)
  },
)
