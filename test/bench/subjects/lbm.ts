import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { call } from '../../../src/client/call.ts'
import { newCli } from '../../helpers/cli.ts'
import { DIST } from '../../helpers/dist.ts'
import type { Manager } from './subject.ts'

const BIN = join(DIST, '../bin/lbm.js')

export interface Lbm extends Manager {
  supervisorPids(): number[]
  /** Of a cluster app. */
  supervisorOf(app: string): number
  /** Pids of the instances, as the daemon tells them; undefined while there is none. */
  listedPids(): Promise<number[] | undefined>
}

export function newLbm(): Lbm {
  const cli = newCli({ timeoutMs: 600_000 })
  const { root, daemonPid, runDir, socket } = cli.home
  const pidOfDaemon = (): number => pidIn(daemonPid)
  const supervisorPids = (): number[] =>
    readdirSync(runDir)
      .filter((name) => name.endsWith('.json'))
      .map((name) => pidIn(join(runDir, name)))
  return {
    run: (...words) => cli.ok(...words),
    command: (...words) => ({
      file: process.execPath,
      args: [BIN, ...words],
      env: { ...process.env, LBM_HOME: root },
    }),
    start: ({ script, name, port, instances, env, args = [] }) =>
      cli.ok(
        'start',
        script,
        '-n',
        name,
        ...(instances === undefined ? [] : ['-i', String(instances)]),
        ...args,
        {
          env: { ...env, PORT: String(port) },
        },
      ),
    daemonPid: pidOfDaemon,
    supervisorPids,
    supervisorOf: (app) => pidIn(join(runDir, `app-${app}.json`)),
    async listedPids() {
      const list = await call(socket, 'app.list', {}).catch(() => undefined)
      return list?.instances.map(({ pid }) => pid)
    },
    ownPids: () => [pidOfDaemon(), ...supervisorPids()],
    [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose](),
  }
}

function pidIn(file: string): number {
  return (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid
}
