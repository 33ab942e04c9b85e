/** What lbm adds to an app's own environment in each instance. Documented in docs/environment.md. */

import type { AppSpec } from './app.ts'

export interface GivenVariable {
  name: string
  value: string
  /** Ends the sentence "from …". */
  source: string
}

/** They win over the app's own. */
export function givenVariables(
  spec: AppSpec,
  { id, number, leader = false }: { id: number; number: number; leader?: boolean },
): GivenVariable[] {
  const { instanceVar, incrementVar, env } = spec
  const given: GivenVariable[] = [
    {
      name: instanceVar,
      value: String(number),
      source:
        instanceVar === 'NODE_APP_INSTANCE'
          ? 'lbm: the number of the instance'
          : 'lbm: the number of the instance ("instance_var")',
    },
    { name: 'pm_id', value: String(id), source: 'lbm: the id of the instance' },
    { name: 'LBM_APP', value: spec.name, source: 'lbm: the name of the app' },
    { name: 'LBM_INSTANCE', value: String(number), source: 'lbm: the number of the instance' },
  ]
  if (spec.leader) {
    given.push({
      name: 'LBM_LEADER',
      value: leader ? '1' : '0',
      source: 'lbm: whether this instance leads; it is kept current ("leader")',
    })
  }
  if (incrementVar !== undefined) {
    const base = Number(env[incrementVar] ?? 0)
    given.push({
      name: incrementVar,
      value: String((Number.isFinite(base) ? base : 0) + number),
      source: `"increment_var": ${env[incrementVar] ?? 0} and the number of the instance`,
    })
  }
  if (spec.interpreterName.startsWith('python') && env['PYTHONUNBUFFERED'] === undefined)
    given.push({
      name: 'PYTHONUNBUFFERED',
      value: '1',
      source: 'lbm: lines come when they are printed',
    })
  return given
}
