/** What each policy does with connections when all is well, when an instance is blocked, and when one dies. */

import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { until } from '../../helpers/until.ts'
import { answeredBy, type Asked, askTimed, SESSION_HEADER } from '../measure/answers.ts'
import type { Bench, Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'
import { startCluster } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'

const INSTANCES = 4
const POLICIES = [
  'least-connections',
  'round-robin',
  'random-2',
  'weighted',
  'ip-hash',
  'sticky',
  'kernel',
]
const STUCK_MS = 500
const BLOCK_MS = 2000
const CONNECTIONS = 40

export interface Outcome {
  requests: number
  failed: number
  stuck: number
  /** Largest number of requests of one instance, divided by the mean. */
  evenness: number
}

type Scenario = (port: number) => Promise<Asked[]>

const SCENARIOS: Record<string, Scenario> = {
  'a connection each': eachItsOwn,
  'keep-alive': keepAlive,
  [`1 of ${INSTANCES} blocked ${BLOCK_MS / 1000} s`]: blocked,
  'SIGKILL of a blocked one': killed,
}

export const policies: Part = {
  name: 'policies',
  about: 'failed, stuck and share by policy: connection each, keep-alive, one blocked, one killed',
  async run(bench) {
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const ports: Record<string, number> = {}
    for (const policy of POLICIES) {
      ports[policy] = await freePort()
      const args = ['--balance', policy]
      if (policy === 'sticky') args.push('--sticky-header', SESSION_HEADER)
      await lbm.start({
        script: APP,
        name: policy,
        port: ports[policy],
        instances: INSTANCES,
        args,
      })
    }
    ports['floor'] = await freePort()
    await using _cluster = startCluster({ script: APP, port: ports['floor'], instances: INSTANCES })
    if (pm2 !== undefined) {
      ports['pm2'] = await freePort()
      await pm2.start({ script: APP, name: 'app', port: ports['pm2'], instances: INSTANCES })
    }
    for (const [what, scenario] of Object.entries(SCENARIOS)) {
      bench.say(what)
      await compare(bench, ports, what, scenario)
    }
  },
}

async function compare(
  bench: Bench,
  ports: Record<string, number>,
  what: string,
  scenario: Scenario,
): Promise<void> {
  const outcomes: Record<string, Outcome[]> = {}
  for (let round = 0; round < bench.rounds(2); round += 1) {
    for (const [name, port] of Object.entries(ports)) {
      await answersOften(port)
      ;(outcomes[name] ??= []).push(outcomeOf(await scenario(port)))
    }
  }
  const failed = (name: string): number[] | undefined => outcomes[name]?.map((one) => one.failed)
  for (const policy of POLICIES)
    bench.add({
      what: `${what}: ${policy}`,
      unit: '',
      floor: `cluster; ${outcomes['floor']?.[0]?.requests} requests a round; last figure: largest share ÷ mean`,
      samples: { lbm: failed(policy), pm2: failed('pm2'), floor: failed('floor') },
      notes: {
        lbm: describe(outcomes[policy]),
        pm2: describe(outcomes['pm2']),
        floor: describe(outcomes['floor']),
      },
      budget: { of: 'sum', atMost: 0 },
      extra: {
        outcomes: { lbm: outcomes[policy], pm2: outcomes['pm2'], floor: outcomes['floor'] },
      },
    })
}

function describe(outcomes: readonly Outcome[] | undefined): string | undefined {
  if (outcomes === undefined) return undefined
  const sum = (of: (one: Outcome) => number): number =>
    outcomes.reduce((total, one) => total + of(one), 0)
  const evenness = sum((one) => one.evenness) / outcomes.length
  return `${sum((one) => one.failed)} failed ${sum((one) => one.stuck)} stuck ${evenness.toFixed(2)}`
}

function outcomeOf(asked: readonly Asked[]): Outcome {
  const shares = new Map<number, number>()
  for (const { pid } of asked) shares.set(pid, (shares.get(pid) ?? 0) + 1)
  return {
    requests: asked.length,
    failed: asked.filter(({ failure }) => failure !== undefined).length,
    stuck: asked.filter(({ ms }) => ms > STUCK_MS).length,
    evenness: Math.max(...shares.values()) / (asked.length / INSTANCES),
  }
}

/** Clients from addresses of their own, for policies that look at them. */
const addressOf = (index: number): string => `127.0.0.${2 + (index % 200)}`

async function eachItsOwn(port: number): Promise<Asked[]> {
  const clients = Array.from({ length: CONNECTIONS }, async (_, client) => {
    const asked: Asked[] = []
    for (let turn = 0; turn < 10; turn += 1)
      asked.push(await askTimed(port, { from: addressOf(client * 10 + turn) }))
    return asked
  })
  return (await Promise.all(clients)).flat()
}

async function keepAlive(port: number): Promise<Asked[]> {
  const clients = Array.from({ length: CONNECTIONS }, async (_, client) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const asked: Asked[] = []
    for (let turn = 0; turn < 10; turn += 1) {
      asked.push(await askTimed(port, { agent, from: addressOf(client) }))
      await sleep(20)
    }
    agent.destroy()
    return asked
  })
  return (await Promise.all(clients)).flat()
}

async function blocked(port: number): Promise<Asked[]> {
  const { over } = await blockOne(port)
  const asked = await connectSome(port)
  await over
  return asked
}

async function killed(port: number): Promise<Asked[]> {
  const { pid, over } = await blockOne(port)
  const asking = connectSome(port)
  await sleep(STUCK_MS)
  process.kill(pid, 'SIGKILL')
  const asked = await asking
  await over
  return asked
}

function connectSome(port: number): Promise<Asked[]> {
  return Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, client) => {
      await sleep(client * 10)
      return await askTimed(port, { from: addressOf(client) })
    }),
  )
}

/** Has whoever takes the next connection stand still. Its own request is not counted. */
function blockOne(port: number): Promise<{ pid: number; over: Promise<Asked> }> {
  return new Promise((resolve, reject) => {
    const over = askTimed(port, {
      path: `/?block=${BLOCK_MS}`,
      // It blocks a moment after the pid is out.
      onPid: (pid) => setTimeout(() => resolve({ pid, over }), 20),
    })
    void over.then(({ failure }) => reject(new Error(failure ?? 'blocked nobody')))
  })
}

/** After a death, until all are there again. With a policy that goes by address, not everybody is reached. */
async function answersOften(port: number): Promise<void> {
  await until(async () => {
    const { pids } = await answeredBy(port, 1)
    for (let client = 0; client < 40; client += 1)
      pids.add((await askTimed(port, { from: addressOf(client) })).pid)
    return pids.size >= INSTANCES || undefined
  })
}
