/** `lbm describe`: tables of what is known of one instance. */

import Table from 'cli-table3'

import { deathSentence } from '../../client/failures.ts'
import type { AppRecord } from '../../contract/app.ts'
import type { HomePaths } from '../../contract/home.ts'
import {
  type InstanceView,
  type ListeningAt,
  type SpareView,
  STATUS_OF,
} from '../../contract/instance.ts'
import { logFilesOf, pidFileOf } from '../../contract/log-files.ts'
import { maskEnv } from '../../contract/mask.ts'
import { slotOf, slotText } from '../../contract/slot-address.ts'
import { formatBytes, formatDuration, formatUptime } from '../../contract/units.ts'
import { statusPaint } from './instance-table.ts'
import { runFacts, scheduleFacts } from './job-runs.ts'
import type { Palette } from './palette.ts'

export interface DescribeContext {
  home: HomePaths
  palette: Palette
  reveal: boolean
  nowMs: number
  nextRunMs?: number | undefined
  evenness?: number | undefined
}

type Facts = [label: string, value: string][]

export function describeInstance(
  record: AppRecord,
  view: InstanceView,
  context: DescribeContext,
): string {
  const { bold } = context.palette
  const parts = [
    bold(`Describing process with id ${view.id} - name ${view.name}`),
    table(mainFacts(record, view, context), context),
    ...section(
      'Policy',
      [...policyFacts(record), ...scheduleFacts(record, context.nextRunMs)],
      context,
    ),
    ...section('Runs', runFacts(record, view.id), context),
    ...section('Listening and balance', balanceFacts(record, view, context.evenness), context),
    ...section('Last exit', exitFacts(view), context),
    ...section(
      'Actions',
      view.axmActions.map(({ action_name: name }) => [name, `lbm trigger ${view.name} ${name}`]),
      context,
    ),
    ...section(
      'Metrics',
      Object.entries(view.axmMonitor).map(([name, metric]) => [name, metricText(metric)]),
      context,
    ),
    ...section('Environment of its own', ownEnvironment(record, context), context),
    ...view.notes.map((note) => `  ${context.palette.yellow(note)}`),
    `  Look at its output by "lbm logs ${view.name}", at its whole environment by "lbm env ${view.id}"`,
    '',
  ]
  return parts.join('\n')
}

function section(title: string, facts: Facts, context: DescribeContext): string[] {
  return facts.length === 0 ? [] : [context.palette.bold(` ${title}`), table(facts, context)]
}

function table(facts: Facts, { palette }: DescribeContext): string {
  const drawn = new Table({ style: { head: [], border: [], compact: true } })
  for (const [label, value] of facts) drawn.push([palette.cyan(label), value])
  return drawn.toString()
}

function mainFacts(
  { spec }: AppRecord,
  view: InstanceView,
  { home, palette, nowMs }: DescribeContext,
): Facts {
  const status = STATUS_OF[view.phase]
  const logs = logFilesOf(spec, home.logsDir, view.id)
  const nodeVersion = view.nodeVersion ?? spec.nodeVersion
  return [
    ['status', statusPaint(status, palette)(status)],
    ['name', view.name],
    ['namespace', view.namespace],
    ['version', view.version],
    ['pid', view.pid === 0 ? 'N/A' : String(view.pid)],
    ['instance', `${view.number} (generation ${view.generation})`],
    ...(view.leader === undefined
      ? []
      : ([['leader', view.leader ? 'yes' : 'no']] satisfies Facts)),
    ...(view.spares === undefined
      ? []
      : ([['spare', sparesText(view.spares, spec.spare)]] satisfies Facts)),
    ['restarts', String(view.restarts)],
    ['unstable restarts', String(view.unstableRestarts)],
    ['uptime', view.pid === 0 ? '0' : formatUptime(nowMs - view.startedAt)],
    ['cpu', `${Math.round(view.cpuPercent * 10) / 10}%`],
    ['memory', formatBytes(view.memoryBytes)],
    ['script path', spec.script],
    ...(spec.command === undefined ? [] : ([['command', spec.command]] satisfies Facts)),
    ['script args', spec.args.length === 0 ? 'N/A' : spec.args.join(' ')],
    ['interpreter', spec.interpreterName],
    [
      'interpreter args',
      spec.interpreterArgs.length === 0 ? 'N/A' : spec.interpreterArgs.join(' '),
    ],
    ...(nodeVersion === undefined ? [] : ([['node.js version', nodeVersion]] satisfies Facts)),
    ['node env', spec.env['NODE_ENV'] ?? 'N/A'],
    ['script id', String(view.id)],
    ['exec cwd', spec.cwd],
    ['exec mode', `${spec.mode}_mode`],
    ['out log path', logs.out],
    ['error log path', logs.error],
    ...(logs.combined === undefined ? [] : ([['entire log path', logs.combined]] satisfies Facts)),
    ['pid path', pidFileOf(spec, home.pidsDir, view.id)],
    ['watch & reload', view.watching],
    ['user', view.username],
    ['created at', new Date(view.createdAt).toISOString()],
    ...(spec.source === undefined ? [] : ([['defined in', spec.source.file]] satisfies Facts)),
  ]
}

function policyFacts({ spec }: AppRecord): Facts {
  return [
    ['restart', spec.autorestart ? spec.restart : 'never'],
    ...(spec.maxRestarts === undefined
      ? []
      : ([['max restarts', String(spec.maxRestarts)]] satisfies Facts)),
    ['listen timeout', formatDuration(spec.listenTimeoutMs)],
    ['kill timeout', formatDuration(spec.killTimeoutMs)],
    ['stop signal', spec.shutdownWithMessage ? 'message "shutdown"' : spec.killSignal],
    ...(spec.maxMemoryBytes === undefined
      ? []
      : ([['max memory restart', formatBytes(spec.maxMemoryBytes)]] satisfies Facts)),
    ...(spec.watch === undefined
      ? []
      : ([['watched paths', spec.watch.paths.join(', ')]] satisfies Facts)),
  ]
}

function balanceFacts(
  record: AppRecord,
  { number, listening, balance }: InstanceView,
  evenness: number | undefined,
): Facts {
  const addresses = listening.map(addressText)
  const slot = slotOf(record, number)
  return [
    ...(addresses.length === 0 ? [] : ([['listens on', addresses.join(', ')]] satisfies Facts)),
    ...(slot === undefined ? [] : ([['slot', slotText(slot)]] satisfies Facts)),
    ...(balance === undefined
      ? []
      : ([
          ['policy', balance.policy],
          ['in rotation', balance.inRotation ? 'yes' : 'no'],
          ['open connections', String(balance.openConnections)],
          [
            'accepted',
            `${balance.accepted} (${Math.round(balance.acceptedPerSecond * 10) / 10} per second)`,
          ],
          ...(evenness === undefined
            ? []
            : ([['evenness', `${evenness.toFixed(2)} (largest share / mean)`]] satisfies Facts)),
          [
            'event loop',
            `${Math.round(balance.loopUtilisation * 100)}% busy, delay ${Math.round(balance.loopDelayMs * 10) / 10} ms`,
          ],
        ] satisfies Facts)),
  ]
}

function addressText({ address, port }: ListeningAt): string {
  if (port === -1) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function exitFacts({ lastExit }: InstanceView): Facts {
  if (lastExit === undefined) return []
  return [
    ['how', deathSentence(lastExit)],
    ['when', new Date(lastExit.atMs).toISOString()],
    ...(lastExit.requestedBy === undefined
      ? []
      : ([['asked for by', lastExit.requestedBy]] satisfies Facts)),
    ...(lastExit.lastLines.length === 0
      ? []
      : ([['last lines', lastExit.lastLines.join('\n')]] satisfies Facts)),
  ]
}

/** What the app has beyond the shell that started it. */
function ownEnvironment({ spec }: AppRecord, { reveal }: DescribeContext): Facts {
  const own = Object.fromEntries(
    Object.entries(spec.env).filter(([name]) => spec.envSources[name] !== 'shell'),
  )
  return Object.entries(reveal ? own : maskEnv(own))
}

function metricText(metric: unknown): string {
  if (typeof metric !== 'object' || metric === null) return String(metric)
  const { value, unit } = metric as { value?: unknown; unit?: unknown }
  return [value, unit]
    .filter((part) => part !== undefined && part !== '')
    .map(String)
    .join(' ')
}

/** `1 ready (pid 123)`, `1 of 2 ready (pid 123)`, `none of 2 ready`. */
function sparesText(spares: readonly SpareView[], wanted: number): string {
  const ready = spares.filter(({ phase }) => phase === 'ready').map(({ pid }) => pid)
  const count = ready.length === wanted ? String(wanted) : `${ready.length || 'none'} of ${wanted}`
  const pids = ready.length === 0 ? '' : ` (pid ${ready.join(', ')})`
  return `${count} ready${pids}`
}
