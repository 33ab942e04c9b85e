/** `daemon.ping`, `daemon.kill`, `daemon.handover`. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { Control } from '../control.ts'
import { isAlive } from '../instance-cache.ts'

/** How the daemon ends. */
export interface Ending {
  /** Stops every app and every supervisor, then this process. `forget`: nothing comes back at the next start. */
  kill(forget: boolean): Promise<number>
  /** Ends this process alone. */
  leave(): Promise<void>
}

type Methods = Pick<
  Implementation<DaemonApi>,
  'daemon.ping' | 'daemon.kill' | 'daemon.handover' | 'daemon.upgradeSupervisors'
>

export function daemonMethods(control: Control, ending: Ending, rssBytes: () => number): Methods {
  const { store, hello, home, instances, startedAt } = control
  return {
    'daemon.ping': () => ({
      version: hello.version,
      pid: hello.pid,
      home: home.root,
      startedAt,
      apps: store.apps().length,
      instances: store.apps().flatMap(instances.of).filter(isAlive).length,
      rssBytes: rssBytes(),
      warnings: store.warnings,
    }),
    'daemon.kill': async () => ({ stopped: await ending.kill(true) }),
    async 'daemon.handover'() {
      await ending.leave()
      return {}
    },
    'daemon.upgradeSupervisors': async () => ({
      supervisors: await control.supervisors.upgradeAll(control.supervisorProgram),
    }),
  }
}
