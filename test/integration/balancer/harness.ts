/** Instances as a supervisor starts them, and a balancer fed by their messages. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { buildSync } from 'esbuild'

import { linkToAgent } from '../../../daemon/balancer/agent-link.ts'
import { createBalancer } from '../../../daemon/balancer/balancer.ts'
import type { Balancer, NativeHandle } from '../../../daemon/balancer/port.ts'
import { systemClock } from '../../../daemon/kernel/clock.ts'
import {
  AGENT_COMMAND,
  AGENT_ENV,
  type AgentConfig,
  type FromAgent,
} from '../../../src/contract/agent.ts'
import type { BalanceSpec, Mode } from '../../../src/contract/app.ts'
import type { ListeningAt } from '../../../src/contract/instance.ts'
import { NODES } from '../../helpers/nodes.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
export const appPath = (name: string): string => join(here, '../../fixtures/balancer', name)

const buildDir = mkdtempSync(join(tmpdir(), 'lbm-agent-'))
process.once('exit', () => rmSync(buildDir, { recursive: true, force: true }))
export const agentPath: string = join(buildDir, 'agent.cjs')
buildSync({
  entryPoints: [join(here, '../../../daemon/agent/preload.ts')],
  outfile: agentPath,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
})

/** This Node and newer ones. */
export const nodes: { version: string; path: string }[] = NODES.map(([, path]) => ({
  path,
  version: execFileSync(path, ['-v'], { encoding: 'utf8' }).trim(),
}))

/** The app that the load helper expects. */
export const loadedApp: string = join(here, '../../fixtures/apps/http.cjs')

/** Writes an app that is only a few lines. @returns its path */
export function script(text: string, extension = '.cjs'): string {
  scripts += 1
  const path = join(buildDir, `app-${scripts}${extension}`)
  writeFileSync(path, text)
  return path
}
let scripts = 0

export interface Instance {
  memberId: number
  number: number
  child: ChildProcess
  pid: number
  seen: FromAgent[]
  output(): string
  /** Resolves with the first message of this kind, past or future. */
  when<A extends FromAgent['act']>(act: A): Promise<Extract<FromAgent, { act: A }>>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Resolves with the next message of this kind. */
  next<A extends FromAgent['act']>(act: A): Promise<Extract<FromAgent, { act: A }>>
  /** Exited, and its output is complete. */
  closed: Promise<void>
  /** Drains as a supervisor does before a stop. */
  drain(options: { idleMs: number; timeoutMs: number }): Promise<void>
  kill(signal?: NodeJS.Signals): Promise<void>
}

export interface TestApp extends AsyncDisposable {
  balancer: Balancer
  instances: Instance[]
  log: { event: string; fields: Record<string, unknown> }[]
  failed: { at: ListeningAt; errno: number }[]
  /** Starts one and resolves at once. */
  spawn(number?: number): Instance
  /** Starts as many and puts them into rotation when they listen. @returns the port */
  start(count: number): Promise<number>
}

export interface TestAppOptions {
  app: string
  mode?: Mode
  spec?: Partial<BalanceSpec>
  env?: Record<string, string>
  args?: string[]
  node?: string
  execArgv?: string[]
  reportMs?: number
}

export function balanceSpec(spec: Partial<BalanceSpec> = {}): BalanceSpec {
  return {
    policy: 'least-connections',
    weights: [],
    queueTimeoutMs: 5000,
    proxyProtocol: false,
    ...spec,
  }
}

let lastMemberId = 0

export function testApp(options: TestAppOptions): TestApp {
  const mode = options.mode ?? 'cluster'
  const spec = balanceSpec(options.spec)
  const instances: Instance[] = []
  const log: TestApp['log'] = []
  const failed: TestApp['failed'] = []
  const balancer = createBalancer({
    mode,
    spec,
    clock: systemClock(),
    random: Math.random,
    onListening: () => undefined,
    onClosed: () => undefined,
    onBindFailed: (_, at, errno) => failed.push({ at, errno }),
    log: (event, fields) => log.push({ event, fields }),
  })

  function start(number = instances.length): Instance {
    lastMemberId += 1
    const memberId = lastMemberId
    const config: AgentConfig = {
      mode,
      reportMs: options.reportMs ?? 200,
      proxyProtocol: spec.proxyProtocol,
    }
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      ...options.env,
      [AGENT_ENV]: JSON.stringify(config),
    }
    for (const key of Object.keys(env))
      if (/^(VITEST|LBM_TEST|NODE_OPTIONS)/.test(key)) delete env[key]
    delete env.NODE_EXTRA_CA_CERTS
    env.NODE_APP_INSTANCE = String(number)
    if (mode === 'cluster') env.NODE_UNIQUE_ID = String(memberId)
    const args = [
      ...(options.execArgv ?? []),
      '--require',
      agentPath,
      options.app,
      ...(options.args ?? []),
    ]
    const child = spawn(options.node ?? process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env,
    })
    const instance = follow(child, memberId, number)
    instances.push(instance)
    return instance
  }

  function follow(child: ChildProcess, memberId: number, number: number): Instance {
    const seen: FromAgent[] = []
    const waiting = new Set<{ act: string; resolve: (message: FromAgent) => void }>()
    let output = ''
    let isOver = false
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const exited = new Promise<Awaited<Instance['exited']>>((resolve) => {
      child.once('exit', (code, signal) => {
        isOver = true
        balancer.detach(memberId)
        resolve({ code, signal })
      })
    })
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
    child.on('internalMessage' as never, (message: FromAgent, handle: NativeHandle | undefined) => {
      if (message.cmd !== AGENT_COMMAND) return
      seen.push(message)
      balancer.receive(memberId, message, handle)
      for (const wish of waiting) {
        if (wish.act !== message.act) continue
        waiting.delete(wish)
        wish.resolve(message)
      }
    })
    const send = linkToAgent(child)
    balancer.attach({ id: memberId, number, send })
    const instance: Instance = {
      memberId,
      number,
      child,
      pid: child.pid ?? 0,
      seen,
      output: () => output,
      when<A extends FromAgent['act']>(act: A) {
        type Message = Extract<FromAgent, { act: A }>
        const past = seen.find((message): message is Message => message.act === act)
        return past === undefined ? instance.next(act) : Promise.resolve(past)
      },
      next<A extends FromAgent['act']>(act: A) {
        type Message = Extract<FromAgent, { act: A }>
        return new Promise<Message>((resolve, reject) => {
          waiting.add({ act, resolve: resolve as (message: FromAgent) => void })
          void exited.then(() => reject(new Error(`exited before "${act}": ${output}`)))
        })
      },
      exited,
      closed,
      async drain(drain) {
        balancer.setInRotation(memberId, false)
        const drained = instance.when('drained')
        send({ cmd: AGENT_COMMAND, act: 'drain', ...drain })
        await drained
      },
      async kill(signal = 'SIGKILL') {
        if (!isOver) child.kill(signal)
        await exited
      },
    }
    return instance
  }

  return {
    balancer,
    instances,
    log,
    failed,
    spawn: start,
    async start(count) {
      const started = Array.from({ length: count }, () => start())
      const listening = await Promise.all(started.map((instance) => instance.when('listening')))
      for (const { memberId } of started) balancer.setInRotation(memberId, true)
      return listening[0]?.port ?? 0
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(instances.map((instance) => instance.kill()))
      balancer.release()
    },
  }
}
