/** Loaded with `--require` before the app. Redirects listening, reports, drains; changes nothing that the app could see. */

import { AGENT_ENV, type AgentConfig } from '../../src/contract/agent.ts'
import { openChannel } from './channel.ts'
import { behaveAsClusterWorker } from './cluster-worker.ts'
import { createDrain } from './drain.ts'
import { noticeFailing } from './failing.ts'
import { reportFaults } from './faults.ts'
import { countRequests } from './http-requests.ts'
import { injectConnection } from './inject.ts'
import { followLeadership } from './leader.ts'
import { listenThroughSupervisor, type TakeConnection } from './listen-cluster.ts'
import { bindThroughSupervisor } from './listen-datagram.ts'
import { listenAsPlainNode } from './listen-fork.ts'
import { reportWhenLoaded } from './loaded.ts'
import { stopWhenOrphaned } from './orphan.ts'
import { expectProxyHeader } from './proxy-header.ts'
import { reportLoad } from './reports.ts'
import { createRequests } from './requests.ts'
import { claimOwnCalls } from './self-calls.ts'
import { type Servers, watchServers } from './servers.ts'
import { acceptFromSlots } from './slots.ts'
import { awaitChoice } from './spare.ts'
import { makeOutputBlocking } from './stdio.ts'
import { followTicketKeys } from './ticket-keys.ts'
import { hideFromChildren } from './traces.ts'

const text = process.env[AGENT_ENV]
// Absent in worker threads and in the app's own children: it was deleted before they started.
if (text !== undefined && process.send !== undefined) start(JSON.parse(text) as AgentConfig)

function start(config: AgentConfig): void {
  hideFromChildren()
  makeOutputBlocking()
  const channel = openChannel()
  const requests = createRequests(channel)
  const servers = watchServers(channel)
  const take = connectionTaker(config, servers)
  if (config.mode === 'fork') {
    listenAsPlainNode(channel, requests)
    bindThroughSupervisor(channel, servers, requests)
  } else {
    listenThroughSupervisor(channel, servers, requests, take)
    behaveAsClusterWorker(servers)
  }
  if (config.proxyProtocol)
    servers.takeOver((server, client) => take(server, client, Buffer.alloc(0)))
  noticeFailing(channel, servers)
  claimOwnCalls(channel)
  followTicketKeys(channel)
  const counts = countRequests(servers)
  const slots = acceptFromSlots(channel, servers, config.slots)
  const drain = createDrain(servers, counts, slots.leaveAll)
  channel.on('drain', (options) => drain(options, () => channel.send({ act: 'drained' })))
  reportFaults(channel)
  reportWhenLoaded(channel)
  const renounce = followLeadership(channel)
  awaitChoice(channel)
  const lookAtChannel = stopWhenOrphaned(config, drain, renounce)
  reportLoad(channel, servers, counts, config.reportMs, lookAtChannel)
}

function connectionTaker(config: AgentConfig, servers: Servers): TakeConnection {
  const give = config.proxyProtocol ? expectProxyHeader : injectConnection
  return (server, client, read) => {
    servers.connecting(client)
    give(server, client, read, servers.connected)
  }
}
