import type { AppDetail } from '../../../src/contract/api.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { InstanceView } from '../../../src/contract/instance.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'

/** An instance that runs; give what the test is about. */
export function sampleView(given: Partial<InstanceView> = {}): InstanceView {
  return {
    id: 0,
    app: 'api',
    number: 0,
    generation: 1,
    phase: 'ready',
    pid: 4100,
    pidStart: 77,
    startedAt: 1_000_000,
    createdAt: 900_000,
    restarts: 0,
    unstableRestarts: 0,
    quickDeaths: 0,
    listening: [],
    notes: [],
    axmActions: [{ action_name: 'act' }],
    axmMonitor: {},
    name: 'api',
    namespace: 'default',
    version: '1.0.0',
    username: 'tester',
    mode: 'fork',
    cpuPercent: 1.26,
    memoryBytes: 53_821_440,
    watching: 'disabled',
    ...given,
  }
}

export function sampleDetail(views: InstanceView[], spec: Partial<AppSpec> = {}): AppDetail {
  const slots = views.map(({ id, number }) => ({ id, number, desired: 'running' as const }))
  return {
    record: {
      key: views[0]?.app ?? 'api',
      spec: sampleSpec({ name: views[0]?.name ?? 'api', ...spec }),
      slots,
      listens: false,
      createdAt: 1,
    },
    instances: views,
  }
}
