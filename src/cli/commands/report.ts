import { existsSync, readFileSync, statSync } from 'node:fs'
import { arch, cpus, freemem, release, totalmem, type, userInfo } from 'node:os'

import type { Command } from 'commander'

import { cpuCount } from '../../config/cpu-count.ts'
import type { DaemonInfo } from '../../contract/api.ts'
import { formatBytes, formatUptime } from '../../contract/units.ts'
import { ask, type Cli, homeOf } from '../cli.ts'
import { byName, fetchViews, renderRows } from './list.ts'

const LAST_LOG_LINES = 20
const LAST_LOG_BYTES = 64 * 1024

/** Everything that somebody who helps would ask for; nothing of the apps' environments. */
export function addReport(program: Command, cli: Cli): void {
  program
    .command('report')
    .description('what a bug report should say: versions, system, daemon, list, last log lines')
    .option('--json', 'print one JSON document')
    .action((options: { json?: boolean }) => runReport(cli, options))
}

async function runReport(cli: Cli, { json = false }: { json?: boolean }): Promise<void> {
  const daemon = await ask(cli, 'daemon.ping', {}).catch(() => undefined)
  const facts = factsOf(cli, daemon)
  const log = lastLogLines(homeOf(cli).daemonLog)
  const views = byName(await fetchViews(cli))
  if (json) {
    cli.io.out(JSON.stringify({ ...facts, instances: views, log }, null, 2))
    return
  }
  for (const [title, rows] of Object.entries(facts)) {
    cli.io.out(`--- ${title}`)
    for (const [name, value] of Object.entries(rows)) cli.io.out(`${name.padEnd(12)} ${value}`)
  }
  cli.io.out('--- list')
  cli.io.out(await renderRows(cli, views))
  cli.io.out(`--- last lines of ${homeOf(cli).daemonLog}`)
  for (const line of log) cli.io.out(line)
}

type Rows = Record<string, string | number | boolean>

function factsOf(cli: Cli, daemon: DaemonInfo | undefined): Record<string, Rows> {
  return {
    daemon:
      daemon === undefined
        ? { running: false }
        : {
            running: true,
            version: daemon.version,
            pid: daemon.pid,
            uptime: formatUptime(Date.now() - daemon.startedAt),
            memory: formatBytes(daemon.rssBytes),
            apps: daemon.apps,
            instances: daemon.instances,
            warnings: daemon.warnings.join('; '),
          },
    cli: {
      version: __LBM_VERSION__,
      node: process.version,
      executable: process.execPath,
      home: homeOf(cli).root,
      user: userInfo().username,
      terminal: cli.io.isTerminal,
    },
    system: {
      os: `${type()} ${release()} ${arch()}`,
      cpus: `${cpus().length} of the host, ${cpuCount()} usable`,
      memory: `${formatBytes(totalmem())}, ${formatBytes(freemem())} free`,
      container: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    },
  }
}

function lastLogLines(file: string): string[] {
  try {
    const { size } = statSync(file)
    const text = readFileSync(file)
      .subarray(Math.max(0, size - LAST_LOG_BYTES))
      .toString()
    return text.trimEnd().split('\n').slice(-LAST_LOG_LINES)
  } catch {
    return [] // no daemon ever ran here
  }
}
