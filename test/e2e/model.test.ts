import { join } from 'node:path'

import { expect, test } from 'vitest'

import { signalPid } from '../../daemon/kernel/process-tree.ts'
import { call } from '../../src/client/call.ts'
import { callStarting } from '../../src/client/ensure-daemon.ts'
import { type InstanceView, TRANSITIONAL_PHASES } from '../../src/contract/instance.ts'
import { newCli } from '../helpers/cli.ts'
import { DIST, FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { seededRandom } from '../helpers/random.ts'
import { sampleSpec } from '../helpers/sample-spec.ts'
import { until } from '../helpers/until.ts'

const COMMANDS = 500
const NAMES = ['ant', 'bee', 'cat', 'dog']

/** What should run: how many instances of each app, and whether they were stopped. */
type Model = Map<string, { count: number; running: boolean }>

test(
  `${COMMANDS} random commands and kills → what runs is what the model says`,
  { timeout: 240_000 },
  async () => {
    await using cli = newCli()
    const seed = Number(process.env['LBM_TEST_SEED'] ?? Date.now() % 1_000_000)
    printFigure(`seed ${seed} (LBM_TEST_SEED repeats it)`)
    const random = seededRandom(seed)
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
    const { socket } = cli.home
    await callStarting({ home: cli.home, env: process.env, programs: DIST }, 'daemon.ping', {})
    const model: Model = new Map()
    const counts: Record<string, number> = {}

    const commands: Record<string, (name: string) => Promise<unknown>> = {
      async start(name) {
        const known = model.get(name)
        if (known !== undefined) {
          known.running = true
          return call(socket, 'app.startExisting', { selectors: [name], wait: random() < 0.5 })
        }
        const count = 1 + Math.floor(random() * 3)
        const mode = pick(['fork', 'cluster'] as const)
        model.set(name, { count, running: true })
        const spec = sampleSpec({
          name,
          mode,
          instances: count,
          instancesGiven: true,
          spare: mode === 'cluster' ? pick([0, 1, 2]) : 0,
          script: join(FIXTURES, 'http.cjs'),
          cwd: FIXTURES,
          env: { LBM_HOME: cli.home.root },
        })
        return call(socket, 'app.start', { spec, force: false, wait: random() < 0.7 })
      },
      async stop(name) {
        const known = model.get(name)
        if (known === undefined) return
        known.running = false
        return call(socket, 'app.stop', { selectors: [name] })
      },
      async restart(name) {
        const known = model.get(name)
        if (known === undefined) return
        known.running = true
        return call(socket, 'app.restart', {
          selectors: [name],
          wait: random() < 0.5,
          rolling: false,
        })
      },
      async scale(name) {
        const known = model.get(name)
        if (known === undefined || !known.running) return
        known.count = 1 + Math.floor(random() * 4)
        return call(socket, 'app.scale', {
          selector: name,
          to: String(known.count),
          wait: random() < 0.5,
        }).catch(ignoreNothingToDo)
      },
      async delete(name) {
        if (!model.delete(name)) return
        return call(socket, 'app.delete', { selectors: [name] })
      },
      async kill(name) {
        const { instances } = await call(socket, 'app.list', {})
        const alive = instances.filter((instance) => instance.name === name && instance.pid > 0)
        if (alive.length > 0) signalPid(pick(alive).pid, 'SIGKILL')
      },
    }
    const kinds = [
      'start',
      'start',
      'start',
      'stop',
      'restart',
      'restart',
      'scale',
      'scale',
      'delete',
      'kill',
      'kill',
      'kill',
    ] as const

    for (let turn = 0; turn < COMMANDS; turn += 1) {
      const kind = pick(kinds)
      counts[kind] = (counts[kind] ?? 0) + 1
      await commands[kind]?.(pick(NAMES))
    }
    printFigure(`commands: ${JSON.stringify(counts)}`)

    const settled = await until(async () => {
      const { instances } = await call(socket, 'app.list', {})
      // A restart in the background has moments between two instances.
      return instances.every(isSettled) ? instances : undefined
    }, 40_000)
    const actual = NAMES.map((name) =>
      settled
        .filter((one) => one.name === name)
        .map(({ number, phase }) => `${number} ${phase}`)
        .toSorted(),
    )
    const wanted = NAMES.map((name) => {
      const { count = 0, running = false } = model.get(name) ?? {}
      return Array.from(
        { length: count },
        (_, number) => `${number} ${running ? 'ready' : 'stopped'}`,
      )
    })
    expect(actual).toEqual(wanted)
    await until(async () => {
      const { instances } = await call(socket, 'app.list', {})
      const spares = instances.flatMap((one) => (one.phase === 'ready' ? (one.spares ?? []) : []))
      return spares.every(({ phase }) => phase === 'ready') || undefined
    })
  },
)

function isSettled({ phase, pid }: InstanceView): boolean {
  return phase === 'ready' ? signalPid(pid, 0) : !TRANSITIONAL_PHASES.includes(phase)
}

function ignoreNothingToDo(error: Error & { code?: string }): void {
  if (error.code !== 'NOTHING_TO_DO') throw error
}
