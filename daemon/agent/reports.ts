/** Tells the supervisor at intervals how busy this process is. No report is a message, too: the loop is blocked. */

import type { Channel } from './channel.ts'
import type { RequestCounts } from './http-requests.ts'
import type { Servers } from './servers.ts'

export function reportLoad(
  channel: Channel,
  servers: Servers,
  counts: RequestCounts,
  everyMs: number,
  lookAtChannel: () => void,
): void {
  let utilisation: ReturnType<typeof performance.eventLoopUtilization> | undefined
  let dueMs = 0

  const timer = setInterval(() => {
    lookAtChannel()
    const nowMs = performance.now()
    // The timer's own lateness: one sample a report, at no cost between reports.
    const loopDelayMs = dueMs === 0 ? 0 : Math.max(0, Math.round(nowMs - dueMs))
    dueMs = nowMs + everyMs
    const current = performance.eventLoopUtilization()
    const { utilization } =
      utilisation === undefined ? current : performance.eventLoopUtilization(current, utilisation)
    utilisation = current
    channel.send({
      act: 'report',
      openConnections: servers.openConnections(),
      activeRequests: counts.active(),
      requests: counts.total(),
      accepted: servers.accepted(),
      loopUtilisation: Math.round(utilization * 1000) / 1000,
      loopDelayMs,
      heapUsedBytes: process.memoryUsage().heapUsed,
    })
  }, everyMs)
  timer.unref()
}
