/** Loaded with `--require` before the app. Redirects listening, reports, drains; changes nothing that the app could see. */

import { AGENT_ENV, type AgentConfig } from '../../src/contract/agent.ts'
import { openChannel } from './channel.ts'
import { behaveAsClusterWorker } from './cluster-worker.ts'
import { createDrain } from './drain.ts'
import { noticeFailing } from './failing.ts'
import { reportFaults } from './faults.ts'
import { countRequests } from './http-requests.ts'
import { injectConnection } from './inject.ts'
import { listenThroughSupervisor } from './listen-cluster.ts'
import { bindThroughSupervisor } from './listen-datagram.ts'
import { listenAsPlainNode } from './listen-fork.ts'
import { reportWhenLoaded } from './loaded.ts'
import { stopWhenOrphaned } from './orphan.ts'
import { expectProxyHeader } from './proxy-header.ts'
import { reportLoad } from './reports.ts'
import { createRequests } from './requests.ts'
import { watchServers } from './servers.ts'
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
  if (config.mode === 'fork') {
    listenAsPlainNode(channel, requests)
    bindThroughSupervisor(channel, servers, requests)
  } else {
    const take = config.proxyProtocol ? expectProxyHeader : injectConnection
    listenThroughSupervisor(channel, servers, requests, take)
    behaveAsClusterWorker(servers)
  }
  const failing = noticeFailing(channel)
  servers.intercept((server, client) => {
    failing.watch(client)
    if (config.proxyProtocol) expectProxyHeader(server, client, Buffer.alloc(0))
    return config.proxyProtocol
  })
  followTicketKeys(channel)
  const counts = countRequests()
  const drain = createDrain(servers, counts)
  channel.on('drain', (options) => drain(options, () => channel.send({ act: 'drained' })))
  reportFaults(channel)
  reportWhenLoaded(channel)
  reportLoad(channel, servers, counts, config.reportMs)
  stopWhenOrphaned(drain)
}
