/** What the agent must know of an app's slots. */

import type { AgentConfig } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'

/** Proxies look at their idle connections in steps; an instance is to be later than the last of them. */
const STEPS = 4
const LEAST_MS = 30_000

export function slotsForAgent({ slots, proxy, drainIdleMs }: AppSpec): Pick<AgentConfig, 'slots'> {
  if (slots === undefined) return {}
  const proxyMs = proxy?.keepaliveTimeoutMs ?? drainIdleMs
  return {
    slots: {
      keepAliveMs: Math.max(LEAST_MS, proxyMs * STEPS),
      ...(slots.port === undefined ? {} : { port: slots.port }),
    },
  }
}
