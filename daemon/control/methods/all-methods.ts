/** Everything that the daemon serves, for one connection. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Implementation, Methods } from '../../../src/contract/rpc.ts'
import { checkedMethods, daemonSchemas } from '../../../src/contract/schemas.ts'
import type { RpcConnection } from '../../kernel/rpc-server.ts'
import type { Control } from '../control.ts'
import { daemonMethods, type Ending } from './daemon.ts'
import { inspectMethods } from './inspect.ts'
import { instanceMethods } from './instances.ts'
import { restartMethods } from './restart.ts'
import { startMethods } from './start.ts'
import { stateMethods } from './state.ts'
import { stopMethods } from './stop.ts'

export interface DaemonMethodsOptions {
  control: Control
  ending: Ending
  isEnding: () => boolean
  rssBytes: () => number
  reopenOwnLog: () => string
}

/** @returns the table of methods for each connection */
export function daemonServes(
  options: DaemonMethodsOptions,
): (connection: RpcConnection) => Methods {
  const { control, isEnding } = options
  const shared = {
    ...daemonMethods(control, options.ending, options.rssBytes),
    ...startMethods(control),
    ...stopMethods(control),
    ...restartMethods(control),
    ...instanceMethods(control, options.reopenOwnLog),
    ...stateMethods(control),
  }

  return (connection) => {
    const own: Implementation<DaemonApi> = { ...shared, ...inspectMethods(control, connection) }
    const methods = checkedMethods(daemonSchemas, own)
    return Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [
        name,
        (params) => {
          if (isEnding() && name !== 'daemon.kill') throw ending()
          return method(params)
        },
      ]),
    )
  }
}

function ending(): LbmError {
  return new LbmError('OPERATION_FAILED', 'The daemon is ending.', {
    hint: 'type the command again in a moment',
  })
}
