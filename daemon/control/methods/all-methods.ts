/** Everything that the daemon serves, for one connection. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Implementation, Methods } from '../../../src/contract/rpc.ts'
import { checkedMethods, daemonSchemas } from '../../../src/contract/schemas.ts'
import type { RpcConnection } from '../../kernel/rpc-server.ts'
import type { Control } from '../control.ts'
import { announced } from './announced.ts'
import { daemonMethods, type Ending } from './daemon.ts'
import { defineMethods } from './define.ts'
import { inspectMethods, subscribe } from './inspect.ts'
import { instanceMethods } from './instances.ts'
import { proxyMethods } from './proxy.ts'
import { restartMethods } from './restart.ts'
import { savedListMethods } from './saved-list.ts'
import { settingsMethods } from './settings.ts'
import { startExistingMethods } from './start-existing.ts'
import { startMethods } from './start.ts'
import { stopMethods } from './stop.ts'

export interface DaemonMethodsOptions {
  control: Control
  ending: Ending
  isEnding: () => boolean
  rssBytes: () => number
  reopenOwnLog: () => string
}

type Subscribe = Pick<DaemonApi, 'events.subscribe'>

/** @returns the table of methods for each connection: one for all, but for what belongs to a connection */
export function daemonServes(
  options: DaemonMethodsOptions,
): (connection: RpcConnection) => Methods {
  const { control, isEnding } = options
  const shared: Implementation<Omit<DaemonApi, keyof Subscribe>> = announced(control, {
    ...daemonMethods(control, options.ending, options.rssBytes),
    ...inspectMethods(control),
    ...startMethods(control),
    ...startExistingMethods(control),
    ...stopMethods(control),
    ...defineMethods(control),
    ...restartMethods(control),
    ...instanceMethods(control, options.reopenOwnLog),
    ...proxyMethods(control),
    ...savedListMethods(control),
    ...settingsMethods(control.home.settings),
  })
  const table = refusingWhen(isEnding, checkedMethods(daemonSchemas, shared))

  return (connection) => {
    const own: Implementation<Subscribe> = {
      'events.subscribe': ({ selectors }) => subscribe(control, selectors, connection),
    }
    return { ...table, ...refusingWhen(isEnding, checkedMethods(daemonSchemas, own)) }
  }
}

/** `kill` while it ends waits for the same end. */
function refusingWhen(isEnding: () => boolean, methods: Methods): Methods {
  const refusing: Methods = {}
  for (const [name, method] of Object.entries(methods)) {
    refusing[name] = (params) => {
      if (isEnding() && name !== 'daemon.kill') throw ending()
      return method(params)
    }
  }
  return refusing
}

function ending(): LbmError {
  return new LbmError('OPERATION_FAILED', 'The daemon is ending.', {
    hint: 'type the command again in a moment',
  })
}
