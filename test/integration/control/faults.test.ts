import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { isLbmError } from '../../../src/contract/errors.ts'
import type { InstanceView } from '../../../src/contract/instance.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { processesOf } from '../../helpers/processes.ts'
import { seededRandom } from '../../helpers/random.ts'
import {
  cluster,
  fixtureSpec,
  type RunningDaemon,
  startDaemon,
} from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const PRELOAD = fileURLToPath(new URL('../../helpers/faults.cjs', import.meta.url))
const SEED = Number(process.env['LBM_TEST_SEED'] ?? 11)
const COMMANDS = Number(process.env['LBM_TEST_COMMANDS'] ?? 200)
const PROBABILITY = 0.02
/** Longer than any command's own limit here: one that takes more hangs. */
const BOUND_MS = 90_000
const NAMES = ['web', 'api', 'fork'] as const

interface Counts {
  done: number
  failed: Map<string, number>
  slowest: { what: string; ms: number; how: string }
}

interface Doing {
  what: string
  done: Promise<unknown>
}

const control = (daemon: RunningDaemon): string => `${daemon.home.root}.faults`

function command(daemon: RunningDaemon, random: () => number, port: number): Doing {
  const name = NAMES[Math.floor(random() * NAMES.length)] ?? 'web'
  const selectors = [name]
  const given = {
    killTimeoutMs: 1000,
    listenTimeoutMs: 3000,
    drainTimeoutMs: 2000,
    drainIdleMs: 20,
    name,
  }
  const spec = fixtureSpec('http.cjs', {
    ...(name === 'fork' ? { env: { PORT: String(port + 2) } } : {}),
    ...(name === 'web' ? cluster(2, port) : {}),
    ...(name === 'api' ? cluster(1, port + 1) : {}),
    ...given,
  })
  const choices: (() => Promise<unknown>)[] = [
    () => daemon.call('app.start', { spec, force: false, wait: true }),
    () => daemon.call('app.startExisting', { selectors, wait: true }),
    () => daemon.call('app.restart', { selectors, wait: true, rolling: random() < 0.5 }),
    () => daemon.call('app.reload', { selectors, supersede: false, rollback: false }),
    () => daemon.call('app.stop', { selectors }),
    () => daemon.call('app.scale', { selector: name, to: random() < 0.5 ? '2' : '1', wait: true }),
    () => daemon.call('app.list', {}),
    () => daemon.call('app.describe', { selectors: ['all'] }),
    () => daemon.call('state.save', { force: true }),
    () => daemon.call('logs.reopen', {}),
    () => daemon.call('app.delete', { selectors }),
  ]
  const chosen = choices[Math.floor(random() * choices.length)]
  const what = `${/['"]([\w.]+)['"]/.exec(String(chosen))?.[1]} of ${name}`
  return { what, done: bounded(what, chosen?.() ?? Promise.resolve()) }
}

/** What a command does that finds no daemon. */
async function ensureDaemon(daemon: RunningDaemon): Promise<void> {
  await until(async () => {
    const answers = await daemon.call('daemon.ping', {}).then(
      () => true,
      () => undefined,
    )
    if (answers === undefined) daemon.spawn().unref()
    return answers
  }, BOUND_MS)
}

async function bounded<T>(name: string, what: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${name} hangs: no end after ${BOUND_MS} ms`)),
      BOUND_MS,
    )
  })
  try {
    return await Promise.race([what, late])
  } finally {
    clearTimeout(timer)
  }
}

async function underFaults(daemon: RunningDaemon, port: number): Promise<Counts> {
  const random = seededRandom(SEED)
  const counts: Counts = { done: 0, failed: new Map(), slowest: { what: '', ms: 0, how: '' } }
  for (let turn = 0; turn < COMMANDS; turn += 1) {
    const started = performance.now()
    const { what, done } = command(daemon, random, port)
    let how = 'done'
    try {
      await done
      counts.done += 1
    } catch (error) {
      if (!isLbmError(error)) throw error
      how = error.message
      if (error.code === 'INTERNAL') printFigure(`INTERNAL: ${what} → ${how}`)
      counts.failed.set(error.code, (counts.failed.get(error.code) ?? 0) + 1)
      if (error.code === 'DAEMON_UNREACHABLE') await ensureDaemon(daemon)
    }
    const ms = Math.round(performance.now() - started)
    if (ms > counts.slowest.ms) counts.slowest = { what, ms, how }
  }
  return counts
}

/** It may end while one looks. */
function ofProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}

function parentOf(pid: number): string | undefined {
  return /^PPid:\s+(\d+)/m.exec(ofProcess(pid, 'status'))?.[1]
}

function idOf(pid: number): string | undefined {
  return /\0pm_id=(\d+)\0/.exec(ofProcess(pid, 'environ'))?.[1]
}

const isSettled = ({ phase }: InstanceView): boolean =>
  ['ready', 'stopped', 'errored'].includes(phase)

test(
  `${COMMANDS} commands while system calls fail by chance (seed ${SEED}): each ends, and all is well afterwards`,
  { timeout: 240_000 },
  async () => {
    await using daemon = await startDaemon(({ root }) => ({
      NODE_OPTIONS: `--require ${PRELOAD}`,
      LBM_FAULTS: `${root}.faults`,
    }))
    const file = control(daemon)
    const port = await freePort()
    try {
      writeFileSync(file, JSON.stringify({ seed: SEED, probability: PROBABILITY }))
      const counts = await underFaults(daemon, port)
      rmSync(file)
      // The processes look for the file every 50 ms.
      await sleep(200)
      const faults = readFileSync(`${file}.log`, 'utf8').trim().split('\n')
      const failed = [...counts.failed].map(([code, count]) => `${count} ${code}`).join(', ')
      printFigure(
        `seed ${SEED}: ${faults.length} faults in ${new Set(faults.map((line) => line.split(' ')[1])).size} processes; ${counts.done} commands succeeded, failed: ${failed}; the slowest took ${counts.slowest.ms} ms: ${counts.slowest.what} → ${counts.slowest.how}`,
      )
      expect(faults.length).toBeGreaterThan(COMMANDS / 10)

      await ensureDaemon(daemon)
      const list = await daemon.listed((views) => views.every(isSettled))
      for (const name of new Set(list.map((view) => view.name)))
        await daemon.call('app.restart', { selectors: [name], wait: true, rolling: false })
      const after = await daemon.listed((views) => views.every(({ phase }) => phase === 'ready'))
      expect(after.map(({ id }) => id)).toEqual(list.map(({ id }) => id))
      await until(
        () =>
          processesOf(daemon.home.root).filter(({ command: line }) => line.includes('http.cjs'))
            .length === after.length || undefined,
      )
      await daemon.call('daemon.kill', {})
      await until(() => processesOf(daemon.home.root).length === 0 || undefined)
    } catch (error) {
      const log = `${daemon.log().slice(-30_000)}\n${readFileSync(`${file}.log`, 'utf8')
        .split('\n')
        .filter((line) => !line.includes('/stat'))
        .slice(-80)
        .join('\n')}`
      const processes = processesOf(daemon.home.root).map(
        ({ pid, command: line }) => `${pid} of ${parentOf(pid)}, instance ${idOf(pid)}: ${line}`,
      )
      const owned = readdirSync(daemon.home.runDir)
        .filter((name) => name.endsWith('.json'))
        .map((name) => readFileSync(join(daemon.home.runDir, name), 'utf8'))
      const list = JSON.stringify(await daemon.list().catch(String))
      throw new Error([log, list, ...owned, ...processes].join('\n'), { cause: error })
    } finally {
      rmSync(file, { force: true })
      for (const end of ['log', 'started']) rmSync(`${file}.${end}`, { force: true })
    }
  },
)

test('a reload whose process cannot even be made → rolled back at once; the next one works', async () => {
  await using daemon = await startDaemon()
  const folder = mkdtempSync(join(daemon.home.root, 'release-'))
  const spec = fixtureSpec('http.cjs', {
    ...cluster(2, await freePort()),
    name: 'web',
    cwd: folder,
  })
  await daemon.start(spec)
  rmSync(folder, { recursive: true })
  const reload = { selectors: ['web'], supersede: false, rollback: false }
  const started = performance.now()
  const { apps } = await daemon.call('app.reload', reload)
  expect(performance.now() - started).toBeLessThan(5000)
  expect(apps[0]?.rollout).toMatchObject({
    result: 'rolled-back',
    message: expect.stringContaining(`${folder} is not there`) as string,
  })
  expect((await daemon.list()).map(({ phase }) => phase)).toEqual(['ready', 'ready'])
  mkdirSync(folder)
  expect((await daemon.call('app.reload', reload)).apps[0]?.rollout?.result).toBe('done')
})

test('a start whose state cannot be saved → an error that says so; what it started is in the list, and can be ended', async () => {
  await using daemon = await startDaemon()
  const obstacle = `${daemon.home.state}.new`
  mkdirSync(join(obstacle, 'full'), { recursive: true })
  await expect(daemon.start(fixtureSpec('worker.cjs'))).rejects.toMatchObject({
    code: 'OPERATION_FAILED',
    message: expect.stringContaining('It is done, but it could not be saved') as string,
  })
  expect((await daemon.list()).map(({ phase }) => phase)).toEqual(['ready'])
  rmSync(obstacle, { recursive: true })
  await daemon.call('app.delete', { selectors: ['all'] })
  await until(() => processesOf(daemon.home.root).length === 1 || undefined)
})

test('deleted while it starts → it does not come up behind the list', async () => {
  await using daemon = await startDaemon()
  const starting = daemon.start(fixtureSpec('worker.cjs', { name: 'app' })).catch(isLbmError)
  await daemon.listed((list) => list.length === 1)
  await daemon.call('app.delete', { selectors: ['app'] })
  await starting
  expect(await daemon.list()).toEqual([])
  await until(() => processesOf(daemon.home.root).length === 1 || undefined)
})
