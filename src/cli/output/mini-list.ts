/** PM2's `--mini-list`: a block of `key : value` lines an instance. */

import { type InstanceRow, STATUS_OF } from '../../contract/instance.ts'
import { formatBytes, formatUptime } from '../../contract/units.ts'
import { statusPaint } from './instance-table.ts'
import type { Palette } from './palette.ts'

const LABEL_COLUMNS = 13

export function miniList(
  views: readonly InstanceRow[],
  { palette, nowMs }: { palette: Palette; nowMs: number },
): string {
  return views.map((view) => block(view, palette, nowMs)).join('\n')
}

function block(view: InstanceRow, palette: Palette, nowMs: number): string {
  const status = STATUS_OF[view.phase]
  const facts: [string, string][] = [
    ['namespace', view.namespace],
    ['version', view.version],
    ['pid', view.pid === 0 ? 'N/A' : String(view.pid)],
    ['id', String(view.id)],
    ['status', statusPaint(status, palette)(status)],
    ['mode', view.mode],
    ['restarted', String(view.restarts)],
    ['uptime', view.pid === 0 ? '0' : formatUptime(nowMs - view.startedAt)],
    ['cpu', `${Math.round(view.cpuPercent * 10) / 10}%`],
    ['memory usage', formatBytes(view.memoryBytes)],
    ['user', view.username],
    ['watching', view.watching],
  ]
  const lines = facts.map(([label, value]) => `${label.padEnd(LABEL_COLUMNS)}: ${value}`)
  return [palette.bold(`+--- ${view.name}`), ...lines, ''].join('\n')
}
