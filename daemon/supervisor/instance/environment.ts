/** The environment of one instance: the app's, and a short documented set of lbm's. */

import { AGENT_ENV, type AgentConfig } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'

export interface InstanceIdentity {
  id: number
  number: number
  /** Unique among the processes of a supervisor; what `cluster.worker.id` says. */
  workerId: number
}

/** Documented in docs/environment.md. */
export function environmentOf(
  spec: AppSpec,
  { id, number, workerId }: InstanceIdentity,
  agent: AgentConfig,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...spec.env,
    [spec.instanceVar]: String(number),
    pm_id: String(id),
    LBM_APP: spec.name,
    LBM_INSTANCE: String(number),
  }
  if (spec.incrementVar !== undefined) {
    const base = Number(spec.env[spec.incrementVar] ?? 0)
    env[spec.incrementVar] = String((Number.isFinite(base) ? base : 0) + number)
  }
  if (spec.runtime === 'node') {
    env[AGENT_ENV] = JSON.stringify(agent)
    // Makes node:cluster in the instance its worker side; Node deletes it before the app can see it.
    if (spec.mode === 'cluster') env['NODE_UNIQUE_ID'] = String(workerId)
  }
  if (spec.interpreterName.startsWith('python') && env['PYTHONUNBUFFERED'] === undefined)
    env['PYTHONUNBUFFERED'] = '1'
  return env
}
