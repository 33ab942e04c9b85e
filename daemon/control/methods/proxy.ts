/** `proxy.configure`, `proxy.status`, `proxy.off`. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { Control } from '../control.ts'
import { selectionsOf } from './selected.ts'

type Methods = Pick<Implementation<DaemonApi>, 'proxy.configure' | 'proxy.status' | 'proxy.off'>

export function proxyMethods(control: Control): Methods {
  const { proxies } = control
  return {
    'proxy.configure': ({ selectors, out, ...request }) =>
      proxies.configure({
        ...request,
        out,
        records: selectionsOf(control, selectors).map(({ record }) => record),
      }),
    'proxy.status': async () => ({ proxies: await proxies.status() }),
    async 'proxy.off'({ selectors, force }) {
      return { files: await proxies.off(keysOf(control, selectors), force) }
    },
  }
}

/** An app that was deleted may still have its file. */
function keysOf(control: Control, selectors: readonly string[]): string[] {
  try {
    return selectionsOf(control, selectors).map(({ record }) => record.key)
  } catch (error) {
    if (error instanceof LbmError && error.code === 'APP_NOT_FOUND') return [...selectors]
    throw error
  }
}
