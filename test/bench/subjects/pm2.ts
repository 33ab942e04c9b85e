/** PM2, fetched by npm into a folder of the bench's own when it is first wanted. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { startProgram } from '../../helpers/cli.ts'
import { DIST } from '../../helpers/dist.ts'
import { processesOf } from '../../helpers/processes.ts'
import { tempHome } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'
import type { Manager } from './subject.ts'

const VERSION = '7.0.4'
const FOLDER = join(DIST, '../test/bench/.pm2')
const PACKAGE = join(FOLDER, 'node_modules/pm2')
const BIN = join(PACKAGE, 'bin/pm2')

/** @returns why there is none, or undefined */
export function installPm2(say: (text: string) => void): string | undefined {
  if (installedVersion() === VERSION) return undefined
  say(`npm installs pm2@${VERSION} into test/bench/.pm2`)
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), '{ "private": true }\n')
  const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `pm2@${VERSION}`]
  const { status, stderr, error } = spawnSync('npm', words, { cwd: FOLDER, encoding: 'utf8' })
  if (status === 0 && installedVersion() === VERSION) return undefined
  rmSync(FOLDER, { recursive: true, force: true })
  return (error?.message ?? stderr).trim().split('\n')[0] ?? 'npm failed'
}

function installedVersion(): string | undefined {
  const file = join(PACKAGE, 'package.json')
  if (!existsSync(file)) return undefined
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

export type NewPm2 = () => Manager

export function newPm2(): Manager {
  const home = tempHome()
  const { root } = home.paths
  // LBM_HOME says nothing to PM2; by it the bench finds what is left over.
  const env = { ...process.env, PM2_HOME: root, LBM_HOME: root, PM2_DISABLE_VERSION_CHECK: 'true' }
  const run = async (words: string[], more: Record<string, string> = {}) => {
    const done = await startProgram(process.execPath, [BIN, ...words], {
      env: { ...env, ...more },
      timeoutMs: 600_000,
    }).done
    if (done.exitCode !== 0)
      throw new Error(`pm2 ${words.join(' ')} exited ${done.exitCode}:\n${done.all}`)
    return done
  }
  const daemonPid = (): number => Number.parseInt(readFileSync(join(root, 'pm2.pid'), 'utf8'), 10)
  return {
    run: (...words) => run(words),
    command: (...words) => ({ file: process.execPath, args: [BIN, ...words], env }),
    start: ({ script, name, port, instances, env: own, args = [] }) =>
      run(
        [
          'start',
          script,
          '-n',
          name,
          ...(instances === undefined ? [] : ['-i', String(instances)]),
          ...args,
        ],
        {
          ...own,
          PORT: String(port),
        },
      ),
    daemonPid,
    ownPids: () => [daemonPid()],
    async [Symbol.asyncDispose]() {
      await run(['kill']).catch(() => undefined)
      const isGone = (): true | undefined => processesOf(root).length === 0 || undefined
      await until(isGone, 10_000).catch(() => {
        for (const { pid } of processesOf(root)) process.kill(pid, 'SIGKILL')
      })
      home[Symbol.dispose]()
    },
  }
}
