import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import type { Command } from 'commander'

import { call, isDaemonDown } from '../../client/call.ts'
import type { UpgradedSupervisor } from '../../contract/api.ts'
import { isLbmError, LbmError } from '../../contract/errors.ts'
import type { HomePaths } from '../../contract/home.ts'
import type { Hello } from '../../contract/version.ts'
import { askStarting, type Cli, homeOf } from '../cli.ts'
import { sayFor } from '../output/say.ts'

const EXIT_TIMEOUT_MS = 5000
const POLL_MS = 10

export function addUpgrade(program: Command, cli: Cli): void {
  program
    .command('upgrade')
    .aliases(['update', 'updatePM2'])
    .description('put this version of lbm in place of the one that runs; the apps go on')
    .option('--json', 'print what was replaced')
    .addHelpText(
      'after',
      `
The daemon is replaced first: no app notices. Then each supervisor hands its listening sockets to a new
one, which brings up its own instances beside the old ones: no request is lost, the instances get new pids.
Programs that are not Node.js bind their port themselves: they are stopped and started.

Examples:
  npm install -g lbm && lbm upgrade`,
    )
    .action((options: { json?: boolean }) => runUpgrade(cli, options))
}

async function runUpgrade(cli: Cli, { json = false }: { json?: boolean }): Promise<void> {
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  const from = await endDaemon(homeOf(cli))
  const { supervisors } = await askStarting(cli, 'daemon.upgradeSupervisors', {})
  say.info(
    from === undefined
      ? 'The daemon was not running; it is now'
      : `Daemon: ${from} → ${__LBM_VERSION__}`,
  )
  for (const one of supervisors) say.info(describe(one))
  if (json) cli.io.out(JSON.stringify({ from: from ?? null, to: __LBM_VERSION__, supervisors }))
  const failed = supervisors.filter((one) => 'error' in one)
  if (failed.length > 0) {
    throw new LbmError(
      'OPERATION_FAILED',
      `Not upgraded: ${failed.map(({ id }) => id).join(', ')}.`,
      {
        hint: 'the apps go on as they were; see why above, then type "lbm upgrade" again',
      },
    )
  }
}

/** The daemon goes, what it manages stays. @returns its version, or undefined when there was none */
async function endDaemon(home: HomePaths): Promise<string | undefined> {
  let daemon: Hello | undefined
  try {
    await call(home.socket, 'daemon.handover', {}, { onHello: (hello) => (daemon = hello) })
  } catch (error) {
    if (isDaemonDown(error)) return undefined
    // Of another protocol: it cannot be asked, but its end harms nobody.
    if (!isLbmError(error) || error.code !== 'PROTOCOL_MISMATCH' || daemon === undefined)
      throw error
    process.kill(daemon.pid, 'SIGKILL')
    return daemon.version
  }
  const deadline = performance.now() + EXIT_TIMEOUT_MS
  while (performance.now() < deadline && existsSync(home.daemonPid)) await delay(POLL_MS)
  return daemon?.version
}

function describe(one: UpgradedSupervisor): string {
  return 'error' in one ? `[${one.id}] ✗ ${one.error}` : `[${one.id}] ✓ replaced, pid ${one.pid}`
}
