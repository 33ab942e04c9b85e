/** The balancer with instances, and nothing else of lbm: what a connection costs. */

import { spawn } from 'node:child_process'

import { linkToAgent } from '../../../daemon/balancer/agent-link.ts'
import { createBalancer } from '../../../daemon/balancer/balancer.ts'
import { systemClock } from '../../../daemon/kernel/clock.ts'
import { AGENT_COMMAND, AGENT_ENV, type FromAgent } from '../../../src/contract/agent.ts'
import type { BalancePolicy } from '../../../src/contract/app.ts'

const count = Number(process.env.COUNT)
const pids: number[] = []
let listening = 0

const balancer = createBalancer({
  mode: 'cluster',
  spec: {
    policy: (process.env.POLICY ?? 'least-connections') as BalancePolicy,
    weights: [],
    queueTimeoutMs: 10_000,
    proxyProtocol: false,
  },
  clock: systemClock(),
  random: Math.random,
  onListening(id) {
    balancer.setInRotation(id, true)
    listening += 1
    if (listening === count) setTimeout(() => process.send?.({ pids }), 100)
  },
  onClosed: () => undefined,
  onBindFailed: (_, { port }) => process.stderr.write(`port ${port} is taken\n`),
  log: () => undefined,
})

for (let id = 1; id <= count; id++) {
  const config = JSON.stringify({ mode: 'cluster', reportMs: 1000, proxyProtocol: false })
  const child = spawn(
    process.execPath,
    ['--require', process.env.AGENT ?? '', process.env.APP ?? ''],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_UNIQUE_ID: String(id), [AGENT_ENV]: config },
    },
  )
  pids.push(child.pid ?? 0)
  child.on('internalMessage' as never, (message: FromAgent, handle?: object) => {
    if (message.cmd === AGENT_COMMAND) balancer.receive(id, message, handle)
  })
  child.once('exit', () => balancer.detach(id))
  balancer.attach({ id, number: id - 1, send: linkToAgent(child) })
}
