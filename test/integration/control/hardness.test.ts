import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { DIST } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { seededRandom } from '../../helpers/random.ts'
import {
  cluster,
  fixtureSpec,
  type RunningDaemon,
  startDaemon,
} from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const SEED = Number(process.env['LBM_TEST_SEED'] ?? 7)
const BATCHES = 200
const BATCH = 50

const memoryOf = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return [...text.matchAll(/Private_(?:Clean|Dirty): +(\d+)/g)].reduce(
    (sum, [, kb]) => sum + Number(kb) * 1024,
    0,
  )
}

function raw({ home }: RunningDaemon): Socket {
  const socket = connect(home.socket)
  socket.on('error', () => undefined)
  return socket
}

/** Resolves once the kernel has taken it, or said that too many wait. */
function connectedOrRefused(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('connect', resolve).once('close', () => resolve())
  })
}

test('garbage, half lines, requests of random shape: the daemon is well and nothing changed', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('worker.cjs'))
  const before = await daemon.list()
  const random = seededRandom(SEED)
  const methods = [
    'app.list',
    'app.rows',
    'app.stop',
    'app.scale',
    'app.start',
    'app.balance',
    'nosuch',
    '__proto__',
    '',
  ]
  const values = [
    null,
    1,
    -1,
    1e99,
    '',
    'x',
    'all\n',
    [],
    [[]],
    {},
    { selectors: ['nosuch'] },
    { selectors: 'all' },
    true,
  ]
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const batch = (): string =>
    Array.from({ length: BATCH }, () => {
      const params =
        random() < 0.5
          ? pick(values)
          : { selectors: [pick(values)], to: pick(values), spec: pick(values) }
      const line = JSON.stringify({
        jsonrpc: '2.0',
        id: pick([1, 'a', null]),
        method: pick(methods),
        params,
      })
      if (random() < 0.9) return `${line}\n`
      return random() < 0.5
        ? line.slice(0, random() * line.length)
        : `${String.fromCharCode(...Array.from({ length: 40 }, () => random() * 0xffff))}\n`
    }).join('')
  for (let round = 0; round < BATCHES; round += 1) {
    const socket = raw(daemon)
    socket.end(batch())
    await new Promise((resolve) => {
      socket.resume().once('close', resolve)
    })
  }
  expect(await daemon.list()).toEqual(
    before.map(
      (one) => expect.objectContaining({ id: one.id, pid: one.pid, phase: 'ready' }) as unknown,
    ),
  )
  expect(daemon.log()).not.toContain('"bug"')
  printFigure(
    `seed ${SEED} (LBM_TEST_SEED repeats it): ${BATCHES * BATCH} requests, the daemon is well`,
  )
})

test('1,000 idle connections and a request that never ends: commands still get through, memory stays', async () => {
  await using daemon = await startDaemon()
  const memory = memoryOf(daemon.pid())
  const crowd = Array.from({ length: 1000 }, () => raw(daemon))
  await Promise.all(crowd.map(connectedOrRefused))
  const endless = raw(daemon)
  endless.write('x'.repeat(2_000_000))
  for (let turn = 0; turn < 20; turn += 1)
    expect((await daemon.call('daemon.ping', {})).apps).toBe(0)
  for (const socket of [...crowd, endless]) socket.destroy()
  await until(() => memoryOf(daemon.pid()) < memory + 20 * 1024 * 1024)
})

test('modes of all files of the home', async () => {
  await using daemon = await startDaemon()
  await daemon.start(fixtureSpec('http.cjs', cluster(1, await freePort())))
  const { home } = daemon
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)
  for (const folder of [home.root, home.runDir, home.logsDir, home.pidsDir])
    expect(mode(folder)).toBe('700')
  const files = [
    'daemon.sock',
    'daemon.pid',
    'state.json',
    ...readdirSync(home.runDir).map((file) => `run/${file}`),
  ]
  expect(files.length).toBeGreaterThan(4)
  for (const file of files) {
    const path = join(home.root, file)
    expect([file, mode(path)]).toEqual([file, statSync(path).isDirectory() ? '700' : '600'])
  }
})

interface Attempt {
  code: number | null
  stderr: string
}

function attempt(home: string): Attempt {
  const { status, stderr } = spawnSync(process.execPath, [join(DIST, 'daemon.cjs')], {
    env: { ...process.env, LBM_HOME: home },
    encoding: 'utf8',
    timeout: 10_000,
  })
  return { code: status, stderr }
}

test('a home that cannot be one → one line that says why, exit 1', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-'))
  try {
    writeFileSync(join(folder, 'file'), '')
    for (const home of ['somewhere', join(folder, 'file'), join(folder, 'x'.repeat(120))]) {
      const { code, stderr } = attempt(home)
      expect(code).toBe(1)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(stderr).toMatch(/^lbm daemon: .*LBM_HOME/)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.runIf(process.getuid?.() === 0)('a home of somebody else → refused, by root too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-'))
  try {
    spawnSync('chown', ['1234', folder])
    const { code, stderr } = attempt(folder)
    expect([code, stderr]).toEqual([1, expect.stringContaining('belongs to user 1234') as string])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a state of a newer lbm → refused, left as it is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-'))
  try {
    const state = join(folder, 'state.json')
    writeFileSync(state, '{"schema":99,"nextId":0,"apps":[]}')
    const { code, stderr } = attempt(folder)
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('was written by a newer lbm') as string,
    ])
    expect(readFileSync(state, 'utf8')).toContain('99')
    expect(readdirSync(folder)).not.toContain('daemon.pid')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a folder that others may read is closed to them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-'))
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'run'), { mode: 0o755 })
  const daemon = spawn(process.execPath, [join(DIST, 'daemon.cjs')], {
    env: { ...process.env, LBM_HOME: folder },
    stdio: 'ignore',
  })
  try {
    await until(() => readdirSync(folder).includes('daemon.sock'))
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o700)
  } finally {
    const ended = new Promise((resolve) => {
      daemon.once('exit', resolve)
    })
    daemon.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true })
  }
})

test('the list shows memory of a whole tree, and does not wait for a sample', async () => {
  await using daemon = await startDaemon()
  const shell = { runtime: 'other', interpreter: '/bin/sh', interpreterName: 'sh' } as const
  await daemon.start(fixtureSpec('family.sh', { ...shell, name: 'family' }))
  const [one] = await daemon.listed(([first]) => (first?.memoryBytes ?? 0) > 0)
  const alone =
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one?.pid}/status`, 'utf8'))?.[1]) * 1024
  expect(one?.memoryBytes).toBeGreaterThan(alone * 1.5)
  const started = performance.now()
  for (let turn = 0; turn < 50; turn += 1) await daemon.list()
  expect((performance.now() - started) / 50).toBeLessThan(50)
})
