import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { AppSpec } from '../../../src/contract/app.ts'
import type { ExitReason } from '../../../src/contract/instance.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { NODES } from '../../helpers/nodes.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { until } from '../../helpers/until.ts'
import { sick } from './app.ts'

const SMALL_HEAP = { interpreterArgs: ['--max-old-space-size=40'] }

async function deathBy(
  supervisor: RunningSupervisor,
  how: string,
  given: Partial<AppSpec> = {},
): Promise<ExitReason> {
  const port = await freePort()
  await supervisor.start(sick(port, given))
  const { pid } = supervisor.states.get(0)!
  if (how.startsWith('SIG')) process.kill(pid, how)
  else await supervisor.api.request('instances.message', { key: 'app', ids: [0], message: how })
  return until(() => {
    const exited = supervisor.events.find((event) => event.type === 'instance.exited')
    return exited?.type === 'instance.exited' && exited.exit.pid === pid ? exited.exit : undefined
  })
}

describe('five deaths, five answers', () => {
  test.each<[string, Partial<AppSpec>, Partial<ExitReason>]>([
    ['SIGKILL', {}, { kind: 'signal', code: null, signal: 'SIGKILL' }],
    ['/heap', SMALL_HEAP, { kind: 'heap-oom', code: null, signal: 'SIGABRT' }],
    ['/exit', {}, { kind: 'exit', code: 3, signal: null }],
    [
      '/throw',
      {},
      {
        kind: 'exception',
        code: 1,
        message: expect.stringMatching(/^TypeError: not today at .*sick\.cjs:\d+:\d+$/) as string,
      },
    ],
    [
      '/reject',
      {},
      {
        kind: 'rejection',
        code: 1,
        message: expect.stringMatching(/nobody cared at .*sick\.cjs:\d+:\d+$/) as string,
      },
    ],
  ])('%s', { timeout: 30_000 }, async (how, given, expected) => {
    await using supervisor = await startSupervisor()
    const exit = await deathBy(supervisor, how, given)
    expect(exit).toMatchObject({ ...expected, wasReady: true, generation: 1 })
    expect(exit).not.toHaveProperty('requestedBy')
    expect(exit.lastLines.length).toBeLessThanOrEqual(20)
  })
})

test(
  'the last ten deaths are kept, newest first, over the supervisor’s own death',
  { timeout: 30_000 },
  async () => {
    let deaths: ExitReason[] = []
    const port = await freePort()
    const app = sick(port)
    {
      await using supervisor = await startSupervisor()
      await supervisor.start(app)
      for (let round = 0; round < 12; round += 1) {
        const { pid } = await supervisor.state(0, ({ phase }) => phase === 'ready')
        await supervisor.api.request('instances.restart', {
          key: 'app',
          ids: [0],
          by: 'watch',
          wait: true,
          rolling: false,
        })
        await supervisor.state(0, (now) => now.deaths?.[0]?.pid === pid)
      }
      deaths = supervisor.states.get(0)?.deaths ?? []
    }
    expect(deaths).toHaveLength(10)
    expect(deaths.every(({ requestedBy }) => requestedBy === 'watch')).toBe(true)
    expect(deaths.map(({ atMs }) => atMs)).toEqual(
      deaths.map(({ atMs }) => atMs).sort((a, b) => b - a),
    )
    await using successor = await startSupervisor()
    const slots = [{ id: 0, number: 0, desired: 'running' as const }]
    const record = { key: 'app', spec: app, slots, listens: true, createdAt: 1 }
    const known = {
      id: 0,
      app: 'app',
      number: 0,
      generation: 1,
      phase: 'stopped',
      pid: 0,
      pidStart: 0,
      deaths,
    } as never
    const { instances } = await successor.api.request('app.put', { record, known: [known] })
    expect(instances[0]?.deaths).toEqual(deaths)
    expect(instances[0]?.lastExit).toEqual(deaths[0])
  },
)

test(
  'a death soon after a release tells what the release changed; never a value',
  { timeout: 30_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lbm-release-'))
    try {
      cpSync(join(FIXTURES, 'sick.cjs'), join(dir, 'app.cjs'))
      writeFileSync(join(dir, 'package.json'), '{"version":"1.2.0"}')
      await using supervisor = await startSupervisor()
      const port = await freePort()
      const given = { script: join(dir, 'app.cjs'), cwd: dir, minUptimeMs: 100 }
      const app = sick(port, { ...given, env: { DATABASE_URL: 'postgres://secret-1' } })
      await supervisor.start(app)
      const well = join(supervisor.home.runDir, 'well', 'app.json')
      await expect.poll(() => readFileSync(well, 'utf8'), { timeout: 5000 }).toContain('"salt"')
      expect(readFileSync(well, 'utf8')).not.toContain('secret')
      writeFileSync(join(dir, 'app.cjs'), `${readFileSync(join(dir, 'app.cjs'), 'utf8')}\n`)
      writeFileSync(join(dir, 'package.json'), '{"version":"1.3.0"}')
      const env = { ...app.env, DATABASE_URL: 'postgres://secret-2', AT_BOOT: '/exit' }
      const outcome = await supervisor.api.request('app.reload', {
        key: 'app',
        spec: { ...app, env, killTimeoutMs: 7000 },
        by: 'command',
        supersede: false,
      })
      expect(outcome.result).toBe('rolled-back')
      expect(outcome.failed?.exit?.changed).toEqual([
        'script app.cjs',
        'version 1.2.0 → 1.3.0',
        'kill_timeout',
        'env DATABASE_URL',
        'env AT_BOOT',
      ])
      expect(supervisor.states.get(0)?.lastExit).toBeUndefined()
      expect(supervisor.states.get(0)?.deaths).toMatchObject([{ generation: 2, code: 3 }])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
)

/** A control group of 100 MB of memory, where this user may make one. */
function smallCgroup(): ({ admit(pid: number): void } & Disposable) | undefined {
  const name = `lbm-test-${process.pid}`
  const own = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  const [dir, limit] =
    own === undefined
      ? [`/sys/fs/cgroup/${name}`, 'memory.max']
      : [join('/sys/fs/cgroup/memory', own, name), 'memory.limit_in_bytes']
  try {
    mkdirSync(dir)
    writeFileSync(join(dir, limit), String(100 * 1024 * 1024))
  } catch {
    return undefined
  }
  return {
    admit: (pid) => writeFileSync(join(dir, 'cgroup.procs'), String(pid)),
    // The dead leave it a moment after their death.
    [Symbol.dispose]: () => {
      for (let tries = 0; tries < 50; tries += 1) {
        try {
          rmdirSync(dir)
          return
        } catch {
          spawnSync('sleep', ['0.1'])
        }
      }
    },
  }
}

test(
  'killed by the kernel for want of memory → told so, and not as some SIGKILL',
  { timeout: 30_000 },
  async ({ skip }) => {
    using group = smallCgroup()
    if (group === undefined) return skip('no control group can be made here')
    await using supervisor = await startSupervisor()
    const port = await freePort()
    await supervisor.start(sick(port, { maxMemoryBytes: 1024 * 1024 * 1024 }))
    const { pid } = supervisor.states.get(0)!
    group.admit(pid)
    // Its group is looked at with each sample.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    await supervisor.api.request('instances.message', { key: 'app', ids: [0], message: '/leak' })
    const after = await supervisor.state(0, ({ lastExit }) => lastExit?.pid === pid)
    expect(after.lastExit).toMatchObject({ kind: 'kernel-oom', signal: 'SIGKILL' })
    printFigure(
      `kernel OOM: ${Math.round((after.lastExit?.rssBytes ?? 0) / 1024 / 1024)} MB at the last sample`,
    )
    const second = await supervisor.state(0, (now) => now.phase === 'ready' && now.pid !== pid)
    process.kill(second.pid, 'SIGKILL')
    const killed = await supervisor.state(0, ({ lastExit }) => lastExit?.pid === second.pid)
    expect(killed.lastExit?.kind).toBe('signal')
  },
)

test.each(NODES)('%s: a full heap is told as one', { timeout: 30_000 }, async (_version, node) => {
  await using supervisor = await startSupervisor()
  const exit = await deathBy(supervisor, '/heap', { ...SMALL_HEAP, interpreter: node })
  expect(exit).toMatchObject({ kind: 'heap-oom', wasReady: true })
})
