/** The environment of one instance: the app's, and a short documented set of lbm's. */

import { AGENT_ENV, type AgentConfig } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { givenVariables } from '../../../src/contract/instance-env.ts'

export interface InstanceIdentity {
  id: number
  number: number
  /** Unique among the processes of a supervisor; what `cluster.worker.id` says. */
  workerId: number
  leader?: boolean
}

/** Documented in docs/environment.md. */
export function environmentOf(
  spec: AppSpec,
  identity: InstanceIdentity,
  agent: AgentConfig,
): NodeJS.ProcessEnv {
  const given = givenVariables(spec, identity).map(({ name, value }) => [name, value] as const)
  const env: NodeJS.ProcessEnv = { ...spec.env, ...Object.fromEntries(given) }
  if (spec.runtime === 'node') {
    env[AGENT_ENV] = JSON.stringify(agent)
    // Makes node:cluster in the instance its worker side; Node deletes it before the app can see it.
    if (spec.mode === 'cluster') env['NODE_UNIQUE_ID'] = String(identity.workerId)
  }
  return env
}
