import { isDeepStrictEqual } from 'node:util'

import { expect, test } from 'vitest'

import { parseScale } from '../../../daemon/control/definitions.ts'
import { pidStart } from '../../../daemon/kernel/process-identity.ts'
import type { InstanceView } from '../../../src/contract/instance.ts'
import { freePort } from '../../helpers/free-port.ts'
import { type HomeProcess, processesOf } from '../../helpers/processes.ts'
import { seededRandom } from '../../helpers/random.ts'
import {
  cluster,
  fixtureSpec,
  type RunningDaemon,
  startDaemon,
} from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const NAMES = ['web', 'api', 'fork']
const COMMANDS = 80
const SEED = Number(process.env['LBM_TEST_SEED'] ?? 11)

/** What should be there, by name: how many instances, and whether they run. */
type Model = Map<string, { count: number; running: boolean }>

interface World {
  daemon: RunningDaemon
  model: Model
  ports: Map<string, number>
  random: () => number
}

type Command = (world: World, name: string) => Promise<void>

const commands: Record<string, Command> = {
  async start({ daemon, model, ports }, name) {
    const port = ports.get(name) ?? 0
    const mode = name === 'fork' ? { env: { PORT: String(port) } } : cluster(2, port)
    const spec = fixtureSpec('http.cjs', { ...mode, name, drainIdleMs: 20 })
    const before = model.get(name)
    if (before?.running === true) {
      // Just after a death it may be on its way up: then it is started, which is the same in the end.
      const code = await daemon.start(spec).then(
        ({ restarted }) => (restarted ? 'APP_EXISTS' : 'started twice'),
        (error: unknown) => (error as { code: string }).code,
      )
      expect(code).toBe('APP_EXISTS')
      if (name !== 'fork')
        model.set(name, {
          count: (await daemon.list()).filter((one) => one.name === name).length,
          running: true,
        })
    } else {
      await daemon.start(spec)
      model.set(name, { count: spec.instances, running: true })
    }
  },
  stop: (world, name) => onExisting(world, name, 'app.stop', (app) => ({ ...app, running: false })),
  delete: (world, name) => onExisting(world, name, 'app.delete', () => undefined),
  async restart({ daemon, model }, name) {
    const app = model.get(name)
    const restarting = daemon.call('app.restart', { selectors: [name], wait: true, rolling: false })
    if (app === undefined) await expect(restarting).rejects.toMatchObject({ code: 'APP_NOT_FOUND' })
    else {
      await restarting
      model.set(name, { ...app, running: true })
    }
  },
  async scale({ daemon, model, random }, name) {
    if (name === 'fork') return
    const app = model.get(name)
    const to = ['+1', '-1', '1', '3'][Math.floor(random() * 4)] ?? '2'
    const scaling = daemon.call('app.scale', { selector: name, to, wait: true })
    if (app === undefined) {
      await expect(scaling).rejects.toMatchObject({ code: 'APP_NOT_FOUND' })
      return
    }
    const wanted = app.count + 1 > 4 && to === '+1' ? undefined : countOf(to, app.count)
    const { to: count } = await scaling.catch(() => ({ to: app.count }))
    if (wanted !== undefined) expect(count).toBe(wanted)
    model.set(name, { count, running: app.running })
    // Those that are new run, whatever the others do: make it one state again.
    if (count > app.count && !app.running) await daemon.call('app.stop', { selectors: [name] })
  },
  async killInstance({ daemon, random }) {
    const alive = (await daemon.list()).filter(({ pid }) => pid > 0)
    const victim = alive[Math.floor(random() * alive.length)]
    if (victim === undefined) return
    tryKill(victim.pid)
    // A supervisor that is killed in this moment cannot tell anybody of the replacement that it just started.
    await daemon.listed((list) => list.every(({ pid }) => pid !== victim.pid))
  },
  async killSupervisor({ daemon, random }) {
    const supervisors = processesOf(daemon.home.root).filter(({ command }) =>
      command.includes('supervisor'),
    )
    const victim = supervisors[Math.floor(random() * supervisors.length)]
    if (victim !== undefined) tryKill(victim.pid)
    // A command that meets the death of its own supervisor fails, and says so.
    await until(() => (victim === undefined ? true : pidStart(victim.pid) === 0))
  },
  async killDaemon({ daemon }) {
    const pid = daemon.pid()
    tryKill(pid)
    await until(() => pidStart(pid) === 0)
    // With no app there is no supervisor that starts it again: a command does. Else one of the two leaves.
    daemon.spawn().unref()
    await daemon.answers()
  },
}

async function onExisting(
  { daemon, model }: World,
  name: string,
  method: 'app.stop' | 'app.delete',
  change: (app: {
    count: number
    running: boolean
  }) => { count: number; running: boolean } | undefined,
): Promise<void> {
  const app = model.get(name)
  const doing = daemon.call(method, { selectors: [name] })
  if (app === undefined) {
    await expect(doing).rejects.toMatchObject({ code: 'APP_NOT_FOUND' })
    return
  }
  await doing
  const next = change(app)
  if (next === undefined) model.delete(name)
  else model.set(name, next)
}

function countOf(to: string, current: number): number {
  try {
    return parseScale(to, current)
  } catch {
    return current
  }
}

function instancesOf({ home }: RunningDaemon): HomeProcess[] {
  return processesOf(home.root).filter(({ command }) => command.includes('http.cjs'))
}

/** An app whose instances are neither all ready nor all at rest is not in a state that the model has. */
function summary(list: readonly InstanceView[]): Model {
  const found: Model = new Map()
  for (const { name, phase } of list) {
    const { count = 0, running = phase === 'ready' } = found.get(name) ?? {}
    const isPlain = phase === 'ready' ? running : !running && phase === 'stopped'
    found.set(name, { count: isPlain ? count + 1 : Number.NaN, running })
  }
  return found
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself meanwhile
  }
}

test(
  `${COMMANDS} random commands and deaths (seed ${SEED}): what runs is what the model says`,
  { timeout: 120_000 },
  async () => {
    await using daemon = await startDaemon()
    const ports = new Map<string, number>()
    for (const name of NAMES) ports.set(name, await freePort())
    const world: World = { daemon, model: new Map(), ports, random: seededRandom(SEED) }
    const names = Object.keys(commands)
    const done: string[] = []
    try {
      for (let turn = 0; turn < COMMANDS; turn += 1) {
        const command = names[Math.floor(world.random() * names.length)] ?? ''
        const name = NAMES[Math.floor(world.random() * NAMES.length)] ?? ''
        done.push(`${command} ${name}`)
        await commands[command]?.(world, name)
      }
      // A death may not have been noticed yet: what counts is that it all comes to rest like this.
      const running = [...world.model.values()].filter((app) => app.running)
      const count = running.reduce((sum, app) => sum + app.count, 0)
      await until(async () => {
        const found = summary(await daemon.list())
        return isDeepStrictEqual(found, world.model) && instancesOf(daemon).length === count
      }).catch(() => undefined)
      expect(summary(await daemon.list())).toEqual(world.model)
      expect(instancesOf(daemon)).toHaveLength(count)
    } catch (error) {
      const list = await daemon.list().catch(String)
      throw new Error(`after: ${done.join(', ')}\n${daemon.log()}\n${JSON.stringify(list)}`, {
        cause: error,
      })
    }
  },
)
