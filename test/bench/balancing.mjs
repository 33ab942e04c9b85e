// What balancing does and costs, beside a node:cluster script. Everything in turns in one run: only ratios count.
// LBM_BENCH_PM2 names a folder with PM2 in its node_modules; it is compared with where it is given.
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { buildSync } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = join(ROOT, 'test/bench/balancing')
const APP = join(HERE, 'app.cjs')
const POLICIES = [
  'least-connections',
  'round-robin',
  'random-2',
  'weighted',
  'ip-hash',
  'sticky',
  'kernel',
]
const ROUNDS = 5
const SECONDS = 2

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-bench-'))
  try {
    const built = build(folder)
    await printTable(built)
    await printMixedLoad(built, folder)
    return await printThroughput(built)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function build(folder) {
  const supervisor = join(folder, 'supervisor.cjs')
  const agent = join(folder, 'agent.cjs')
  const common = {
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    logLevel: 'error',
  }
  buildSync({ ...common, entryPoints: [join(HERE, 'supervisor.ts')], outfile: supervisor })
  buildSync({ ...common, entryPoints: [join(ROOT, 'daemon/agent/preload.ts')], outfile: agent })
  return { supervisor, agent }
}

/** Policy × situation: failed, stuck for more than half a second, share of each instance. */
export async function printTable(built) {
  const cell = ({ failed, stuck, byPid }) =>
    `${failed} failed, ${stuck} stuck, ${shares(byPid).join('/')} %`.padEnd(42)
  console.log(
    '\n4 instances'.padEnd(20) +
      ['a connection each', 'keep-alive', '1 blocked for 2 s', 'SIGKILL']
        .map((s) => s.padEnd(42))
        .join(''),
  )
  for (const policy of POLICIES) {
    const row = []
    for (const situation of [each, keepAlive, blocked, killed]) {
      row.push(cell(await withApp(startLbm(built, policy, 4), situation)))
    }
    console.log(policy.padEnd(19) + row.join(''))
  }
}

const each = ({ port }) => load({ PORT: port, COUNT: 2000, CLIENTS: 100 })
const keepAlive = ({ port }) => load({ PORT: port, COUNT: 4000, CLIENTS: 100, KEEP_ALIVE: 1 })

async function blocked({ port }) {
  const hold = load({ PORT: port, COUNT: 1, CLIENTS: 1, FAST: '/block?ms=2000' })
  await sleep(300)
  const result = await load({ PORT: port, COUNT: 400, CLIENTS: 100 })
  await hold
  return result
}

/** The victim is blocked, so that it dies with a connection which it has not acknowledged. */
async function killed({ port, pids }) {
  const holds = Array.from({ length: 4 }, () =>
    load({ PORT: port, COUNT: 1, CLIENTS: 1, FAST: '/block?ms=400' }),
  )
  await sleep(200)
  const result = load({ PORT: port, COUNT: 400, CLIENTS: 100 })
  await sleep(150)
  process.kill(pids[0], 'SIGKILL')
  await Promise.all(holds)
  return result
}

/** 1 request in 10 takes 200 ms, the others 2 ms; nobody blocks. */
export async function printMixedLoad(built, folder) {
  const rivals = {
    'node:cluster': (count) => startCluster(count),
    ...Object.fromEntries(
      ['least-connections', 'round-robin', 'random-2'].map((policy) => [
        policy,
        (count) => startLbm(built, policy, count),
      ]),
    ),
    ...(process.env.LBM_BENCH_PM2 && { PM2: (count) => startPm2(folder, count) }),
  }
  const results = await inTurns(rivals, 4, ({ port }) =>
    load({ PORT: port, SECONDS, CLIENTS: 64, SLOW_SHARE: 0.1, FAST: '/wait?ms=2' }),
  )
  console.log('\nmixed load, 4 instances')
  for (const [name, list] of Object.entries(results)) {
    console.log(
      `  ${name.padEnd(18)} ${median(list.map((r) => r.perSecond))
        .toFixed(0)
        .padStart(
          6,
        )} requests/s, p99 ${median(list.map((r) => r.p99)).toFixed(0)} ms, of the fast ones ${median(list.map((r) => r.fastP99)).toFixed(0)} ms`,
    )
  }
}

/** CPU per request tells more than requests per second on a machine that does other things, too. */
export async function printThroughput(built) {
  const rivals = {
    'node:cluster': (count) => startCluster(count),
    'least-connections': (count) => startLbm(built, 'least-connections', count),
    kernel: (count) => startLbm(built, 'kernel', count),
  }
  const count = Math.max(1, cpus().length - 1)
  const ratios = {}
  const kinds = { 'new connections': {}, 'keep-alive': { KEEP_ALIVE: 1 } }
  for (const [what, options] of Object.entries(kinds)) {
    const results = await inTurns(rivals, count, async (app) => {
      const before = cpuMs(app)
      const result = await load({ PORT: app.port, SECONDS, ...options })
      return {
        perSecond: result.perSecond,
        cpuUs: ((cpuMs(app) - before) * 1000) / result.requests,
      }
    })
    const of = (name, key) => median(results[name].map((result) => result[key]))
    console.log(
      `\n${what}, ${count} instance(s); node:cluster: ${of('node:cluster', 'perSecond').toFixed(0)} requests/s, ${of('node:cluster', 'cpuUs').toFixed(0)} µs of CPU each`,
    )
    for (const name of Object.keys(rivals).slice(1)) {
      const ratio = of(name, 'perSecond') / of('node:cluster', 'perSecond')
      const cpuRatio = of(name, 'cpuUs') / of('node:cluster', 'cpuUs')
      ratios[`${what}, ${name}`] = { ratio, cpuRatio }
      console.log(
        `  ${name.padEnd(18)} ${ratio.toFixed(2)} × the requests, ${cpuRatio.toFixed(2)} × the CPU of each`,
      )
    }
  }
  return ratios
}

/** Of the process that balances and its instances, so far. */
function cpuMs({ pid, pids }) {
  let ns = 0
  for (const one of [pid, ...pids]) {
    ns += Number(readFileSync(`/proc/${one}/schedstat`, 'utf8').split(' ')[0])
  }
  return ns / 1e6
}

async function inTurns(rivals, count, measure) {
  const results = Object.fromEntries(Object.keys(rivals).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, start] of Object.entries(rivals)) {
      results[name].push(await withApp(start(count), measure))
    }
  }
  return results
}

async function withApp(starting, use) {
  const app = await starting
  try {
    return await use(app)
  } finally {
    await app.stop()
  }
}

async function startLbm({ supervisor, agent }, policy, count) {
  return startServer(supervisor, count, { POLICY: policy, AGENT: agent, APP })
}

const startCluster = (count) => startServer(join(HERE, 'cluster.cjs'), count, {})

async function startServer(program, count, env) {
  const port = await freePort()
  const child = fork(program, [], {
    detached: true,
    env: { ...plainEnv(), ...env, COUNT: String(count), PORT: String(port) },
  })
  const [{ pids }] = await once(child, 'message')
  return {
    port,
    pid: child.pid,
    pids,
    async stop() {
      process.kill(-child.pid, 'SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function startPm2(folder, count) {
  const port = await freePort()
  const bin = join(process.env.LBM_BENCH_PM2, 'node_modules/pm2/bin/pm2')
  const env = { ...plainEnv(), PM2_HOME: join(folder, 'pm2'), PORT: String(port) }
  const pm2 = (...args) =>
    execFileSync(process.execPath, [bin, ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  pm2('start', APP, '-i', String(count), '--name', 'bench')
  await sleep(1000)
  return {
    port,
    pids: JSON.parse(pm2('jlist')).map(({ pid }) => pid),
    async stop() {
      pm2('kill')
    },
  }
}

async function load(env) {
  const child = spawn(process.execPath, [join(HERE, 'client.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...plainEnv(),
      ...Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)])),
    },
  })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  await once(child, 'close')
  return JSON.parse(text)
}

async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = createServer()
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

/** Extra certificates slow every start of Node. */
function plainEnv() {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env
  return env
}

function shares(byPid) {
  const counts = Object.values(byPid).sort((a, b) => b - a)
  const all = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => Math.round((count / all) * 100))
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run()
