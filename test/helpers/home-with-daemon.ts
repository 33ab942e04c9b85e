/** A home with its daemon, spoken to over the API. */

import { call, type Method, type Params, type Result } from '../../src/client/call.ts'
import { callStarting } from '../../src/client/ensure-daemon.ts'
import type { AppSpec } from '../../src/contract/app.ts'
import type { InstanceView } from '../../src/contract/instance.ts'
import { type Cli, newCli } from './cli.ts'
import { DIST } from './dist.ts'

export interface HomeWithDaemon extends Cli {
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>
  list(): Promise<InstanceView[]>
  /** Starts an app and waits until it is ready; the environment names the home, so that what is left is found. */
  startApp(spec: AppSpec): Promise<void>
}

export async function homeWithDaemon(): Promise<HomeWithDaemon> {
  const cli = newCli()
  const { socket, root } = cli.home
  const start = { home: cli.home, env: { ...process.env, LBM_HOME: root }, programs: DIST }
  await callStarting(start, 'daemon.ping', {})
  return {
    ...cli,
    call: (method, params) => call(socket, method, params),
    async list() {
      return (await call(socket, 'app.list', {})).instances
    },
    async startApp(spec) {
      const env = { ...spec.env, LBM_HOME: root }
      const { outcomes } = await call(socket, 'app.start', {
        spec: { ...spec, env },
        force: false,
        wait: true,
      })
      const failed = outcomes.find(({ result }) => result !== 'ready')
      if (failed !== undefined) throw new Error(`not ready: ${JSON.stringify(failed)}`)
    },
  }
}
