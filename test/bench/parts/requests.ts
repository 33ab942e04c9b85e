/** How many requests a second, and what each costs the process manager itself. */

import { freePort } from '../../helpers/free-port.ts'
import { answeredBy, SESSION_HEADER } from '../measure/answers.ts'
import { hasWrk, type LoadSpec, putLoad } from '../measure/load.ts'
import { cpuSeconds } from '../measure/process-figures.ts'
import { type Budget, samplesOf, type Unit } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'
import { startCluster } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'

const INSTANCES = 4
const POLICIES = ['least-connections', 'round-robin', 'random-2', 'weighted', 'sticky', 'kernel']
const DEFAULT = 'least-connections'
/** Far from what the machine can do, so that the times are the server's own. */
const CALM_RATE = 500
/** More where there is a budget: one of 3 s may lie a tenth beside the next. */
const BUDGET_ROUNDS = 5
const WARM_UP_SECONDS = 4
/** The cluster script with the primary out of the way: what Node has in place of `kernel`. */
const BARE_KERNEL = 'SCHED_NONE'

interface Target {
  port: number
  ownPids: () => number[]
}

type All = Awaited<ReturnType<typeof inTurns>>

interface Case {
  what: string
  load: Omit<LoadSpec, 'port' | 'seconds'>
  policies: string[]
  /** Default: 2. */
  rounds?: number
}

const CASES: Case[] = [
  {
    what: 'keep-alive, 64',
    load: { keepAlive: true, clients: 64 },
    policies: POLICIES,
    rounds: BUDGET_ROUNDS,
  },
  {
    what: 'a connection each, 64',
    load: { keepAlive: false, clients: 64 },
    policies: POLICIES,
    rounds: BUDGET_ROUNDS,
  },
  {
    what: 'keep-alive, 512',
    load: { keepAlive: true, clients: 512 },
    policies: [DEFAULT, 'kernel'],
  },
  {
    what: 'a connection each, 512',
    load: { keepAlive: false, clients: 512 },
    policies: [DEFAULT, 'kernel'],
  },
  {
    what: 'pipelined by 16, 64',
    load: { keepAlive: true, clients: 64, pipeline: 16 },
    policies: [DEFAULT],
  },
  {
    what: `keep-alive at ${CALM_RATE}/s`,
    load: { keepAlive: true, clients: 64, rate: CALM_RATE },
    policies: [DEFAULT],
  },
  {
    what: `a connection each at ${CALM_RATE}/s`,
    load: { keepAlive: false, clients: 64, rate: CALM_RATE },
    policies: [DEFAULT, 'kernel'],
  },
]

export const requests: Part = {
  name: 'requests',
  about: 'requests a second, their times, and CPU in the process manager, by policy',
  async run(bench) {
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const targets: Record<string, Target> = {}
    for (const policy of POLICIES) {
      const port = await freePort()
      const args = ['--balance', policy]
      if (policy === 'sticky') args.push('--sticky-header', SESSION_HEADER)
      await lbm.start({ script: APP, name: policy, port, instances: INSTANCES, args })
      targets[policy] = { port, ownPids: () => [lbm.daemonPid(), lbm.supervisorOf(policy)] }
    }
    const port = await freePort()
    await using cluster = startCluster({ script: APP, port, instances: INSTANCES })
    targets['floor'] = { port, ownPids: () => [cluster.pid] }
    const bareKernelPort = await freePort()
    await using bareKernel = startCluster({
      script: APP,
      port: bareKernelPort,
      instances: INSTANCES,
      env: { NODE_CLUSTER_SCHED_POLICY: 'none' },
    })
    targets[BARE_KERNEL] = { port: bareKernelPort, ownPids: () => [bareKernel.pid] }
    if (pm2 !== undefined) {
      const pm2Port = await freePort()
      await pm2.start({ script: APP, name: 'app', port: pm2Port, instances: INSTANCES })
      targets['pm2'] = { port: pm2Port, ownPids: () => pm2.ownPids() }
    }
    for (const [name, target] of Object.entries(targets)) {
      await answeredBy(target.port, INSTANCES)
      bench.say(`warms up ${name}`)
      const load = {
        port: target.port,
        clients: 64,
        seconds: bench.seconds(WARM_UP_SECONDS),
        header: SESSION_HEADER,
      }
      await putLoad({ ...load, keepAlive: true })
      await putLoad({ ...load, keepAlive: false })
    }
    const kernels: [what: string, all: All][] = []
    for (const one of CASES) {
      const all = await compare(bench, targets, one)
      if (all?.[BARE_KERNEL] !== undefined) kernels.push([one.what, all])
    }
    for (const [what, all] of kernels)
      bench.add({
        what: `${what}: kernel against ${BARE_KERNEL}`,
        unit: '/s',
        floor: `cluster with ${BARE_KERNEL}`,
        samples: samplesOf({ lbm: all['kernel'], floor: all[BARE_KERNEL] }, 'perSecond'),
      })
  },
}

async function compare(
  bench: Bench,
  targets: Record<string, Target>,
  one: Case,
): Promise<All | undefined> {
  if (one.load.pipeline !== undefined && !hasWrk) return undefined
  bench.say(one.what)
  const seconds = bench.seconds(3)
  const names = ['floor', ...one.policies, ...(targets['pm2'] === undefined ? [] : ['pm2'])]
  if (one.policies.includes('kernel') && one.load.rate === undefined) names.push(BARE_KERNEL)
  const all = await inTurns(
    bench.rounds(one.rounds ?? 2),
    Object.fromEntries(
      names.map((name) => [
        name,
        () =>
          measure(targets[name]!, {
            ...one.load,
            ...(name === 'sticky' && { header: SESSION_HEADER }),
            seconds,
          }),
      ]),
    ),
  )
  const add = (policy: string, figure: string, what: string, unit: Unit, budget?: Budget): void =>
    bench.add({
      what: `${one.what}: ${policy}${what}`,
      unit,
      floor: 'cluster',
      samples: samplesOf({ ...all, lbm: all[policy] }, figure),
      ...(budget && { budget }),
    })
  const isCalm = one.load.rate !== undefined
  for (const policy of one.policies) {
    if (!isCalm) add(policy, 'perSecond', '', '/s', budgetOf(policy, one))
    if (isCalm || policy === DEFAULT) {
      for (const [figure, what] of [
        ['p50Ms', ', p50'],
        ['p99Ms', ', p99'],
        ['p999Ms', ', p99.9'],
      ] as const)
        add(policy, figure, what, 'ms')
    }
    if (!isCalm) add(policy, 'cpu', ', CPU per 100,000', 's')
    const failed = names.flatMap((name) => all[name]?.['failed'] ?? [])
    if (failed.some((count) => count > 0)) add(policy, 'failed', ', failed', '')
  }
  return all
}

function budgetOf(policy: string, { load }: Case): Budget | undefined {
  if (load.clients !== 64 || load.pipeline !== undefined) return undefined
  if (policy === DEFAULT) return { of: 'ratio', atLeast: 1 }
  return policy === 'kernel' && !load.keepAlive ? { of: 'ratio', atLeast: 1.6 } : undefined
}

async function measure(target: Target, load: Omit<LoadSpec, 'port'>): Promise<Figures> {
  const pids = target.ownPids()
  const before = cpuSeconds(pids)
  const { requests: count, seconds, ...times } = await putLoad({ ...load, port: target.port })
  const cpu = ((cpuSeconds(pids) - before) / count) * 100_000
  return { ...times, perSecond: count / seconds, cpu }
}
