import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { signalPid } from '../../../daemon/kernel/process-tree.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { InstanceView } from '../../../src/contract/instance.ts'
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

const inHome = (daemon: RunningDaemon, name: string): string => join(daemon.home.root, name)

function spec(daemon: RunningDaemon, given: Partial<AppSpec> = {}): AppSpec {
  const env = {
    LOCK: inHome(daemon, 'lock'),
    VIOLATIONS: inHome(daemon, 'violations'),
    LBM_HOME: daemon.home.root,
    ...given.env,
  }
  return fixtureSpec('leader.cjs', { name: 'app', leader: true, drainIdleMs: 200, ...given, env })
}

function violations(daemon: RunningDaemon): string {
  const file = inHome(daemon, 'violations')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** Resolves when the one that the list calls the leader is the one that leads. */
async function leader(daemon: RunningDaemon, other = 0): Promise<InstanceView> {
  return await until(async () => {
    const leaders = (await daemon.list()).filter((view) => view.leader === true)
    if (leaders.length !== 1 || leaders[0]?.pid === other) return undefined
    const holder = existsSync(inHome(daemon, 'lock'))
      ? Number(readFileSync(inHome(daemon, 'lock'), 'utf8'))
      : 0
    return holder === leaders[0]?.pid ? leaders[0] : undefined
  }, 10_000)
}

test('the first start: number 0 leads, from its first line on; killed → another at once', async () => {
  await using daemon = await startDaemon()
  await daemon.start(spec(daemon, cluster(3, await freePort())))
  const first = await leader(daemon)
  expect(first.number).toBe(0)
  const killedAt = performance.now()
  process.kill(first.pid, 'SIGKILL')
  const second = await leader(daemon, first.pid)
  expect(performance.now() - killedAt).toBeLessThan(3000)
  expect(second.number).not.toBe(0)
  await daemon.listed((list) => list.every(({ phase }) => phase === 'ready'))
  // It stays where it is, though number 0 is back.
  expect((await leader(daemon)).pid).toBe(second.pid)
  expect(violations(daemon)).toBe('')
})

test('one instance: it leads, through a reload and a restart', async () => {
  await using daemon = await startDaemon()
  await daemon.start(spec(daemon))
  const first = await leader(daemon)
  await daemon.call('app.reload', { selectors: ['app'], supersede: false, rollback: false })
  const second = await leader(daemon, first.pid)
  await daemon.call('app.restart', { selectors: ['app'], wait: true, rolling: false })
  await leader(daemon, second.pid)
  expect(violations(daemon)).toBe('')
})

test('an app without "leader" has no such variable, and no leader', async () => {
  await using daemon = await startDaemon()
  await daemon.start(spec(daemon, { leader: false }))
  const [view] = await daemon.list()
  expect(view?.leader).toBeUndefined()
  expect(readFileSync(`/proc/${view?.pid}/environ`, 'utf8')).not.toContain('LBM_LEADER')
})

test('the daemon, then the supervisor is killed → the leader stays; then another, and never two', async () => {
  await using daemon = await startDaemon()
  await daemon.start(spec(daemon, cluster(3, await freePort())))
  const first = await leader(daemon)
  process.kill(daemon.pid(), 'SIGKILL')
  await daemon.answers()
  expect((await leader(daemon)).pid).toBe(first.pid)
  const owner = readFileSync(join(daemon.home.runDir, 'app-app.json'), 'utf8')
  process.kill((JSON.parse(owner) as { pid: number }).pid, 'SIGKILL')
  await leader(daemon, first.pid)
  expect(violations(daemon)).toBe('')
})

test('an upgrade of the supervisor: the successor’s leads once the predecessor’s does not', async () => {
  await using daemon = await startDaemon()
  await daemon.start(spec(daemon, cluster(2, await freePort())))
  const first = await leader(daemon)
  const { supervisors } = await daemon.call('daemon.upgradeSupervisors', {})
  expect(supervisors).toMatchObject([{ pid: expect.any(Number) as number }])
  await leader(daemon, first.pid)
  expect(violations(daemon)).toBe('')
})

test(
  'crashes, reloads, restarts and scaling in any order: exactly one, within seconds',
  { timeout: 120_000 },
  async () => {
    await using daemon = await startDaemon()
    await daemon.start(spec(daemon, cluster(3, await freePort())))
    const random = seededRandom(Number(process.env['SEED'] ?? 7))
    const steps = ['kill leader', 'kill any', 'reload', 'restart', 'scale', 'stop one'] as const
    let slowestMs = 0
    for (let n = 0; n < 14; n += 1) {
      const step = steps[Math.floor(random() * steps.length)] ?? 'reload'
      // Pid 0 would be the test itself.
      const list = await daemon.listed((all) => all.every(({ pid }) => pid > 0))
      const any = list[Math.floor(random() * list.length)]
      const selectors = ['app']
      if (step === 'kill leader') signalPid((await leader(daemon)).pid, 'SIGKILL')
      else if (step === 'kill any') signalPid(any?.pid ?? NaN, 'SIGKILL')
      else if (step === 'reload')
        await daemon.call('app.reload', { selectors, supersede: false, rollback: false })
      else if (step === 'restart')
        await daemon.call('app.restart', { selectors, wait: true, rolling: false })
      else if (step === 'scale') {
        const to = String(1 + ((list.length + 1) % 4))
        await daemon.call('app.scale', { selector: 'app', to, wait: true })
      } else {
        await daemon.call('app.stop', { selectors: [String(any?.id ?? 0)] })
        await daemon.call('app.startExisting', { selectors, wait: true })
      }
      const since = performance.now()
      await leader(daemon)
      slowestMs = Math.max(slowestMs, performance.now() - since)
    }
    printFigure(`the slowest change of the leader took ${Math.round(slowestMs)} ms`)
    expect(violations(daemon)).toBe('')
  },
)
