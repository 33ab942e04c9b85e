/** What Node does by itself. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { processesOf } from '../../helpers/processes.ts'
import { tempHome } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'
import { FIXTURES } from './fixtures.ts'

export interface Bare extends AsyncDisposable {
  pid: number
}

/** A program as it is, ended by SIGTERM, with its children. */
export function startBare(
  args: string[],
  env: Record<string, string>,
  stdout: 'ignore' | number = 'ignore',
): Bare & { child: ChildProcess } {
  const home = tempHome()
  const { root } = home.paths
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env, LBM_HOME: root },
    stdio: ['ignore', stdout, 'inherit'],
  })
  return {
    pid: child.pid ?? 0,
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill()
        await once(child, 'exit')
      }
      // Children notice by the closed channel.
      await until(() => processesOf(root).length === 0 || undefined)
      home[Symbol.dispose]()
    },
  }
}

/** The 20 lines of `node:cluster`. */
export function startCluster({
  script,
  port,
  instances,
  env,
}: {
  script: string
  port: number
  instances: number
  env?: Record<string, string>
}): Bare {
  return startBare([join(FIXTURES, 'cluster.cjs')], {
    ...env,
    APP: script,
    PORT: String(port),
    INSTANCES: String(instances),
  })
}
