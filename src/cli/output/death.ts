/** Why an instance ended, for people. */

import { deathSentence } from '../../client/failures.ts'
import type { ExitReason, Requester } from '../../contract/instance.ts'
import { formatBytes } from '../../contract/units.ts'
import type { Palette } from './palette.ts'

const ASKED_BY: Record<Requester, string> = {
  command: 'a command',
  watch: 'a file that changed',
  cron: 'its cron pattern',
  memory: 'the memory guard (max_memory_restart)',
  hang: 'the hang detection (hang_timeout)',
  probe: 'the liveness probe',
  reload: 'a reload',
  scale: 'a change of the number of instances',
  'listen-timeout': 'the start, which took too long (listen_timeout)',
  'max-requests': 'max_requests',
  'max-age': 'max_age',
  shutdown: 'lbm kill',
  upgrade: 'lbm upgrade',
  'start-failed': 'the start of the app, which failed as a whole',
}

export function explainDeath(
  death: ExitReason,
  { palette, lines }: { palette: Palette; lines: number },
): string {
  const { atMs, requestedBy, rssBytes, loopDelayMs, changed, report } = death
  const facts: [string, string | undefined][] = [
    ['asked for by', requestedBy === undefined ? 'nobody' : ASKED_BY[requestedBy]],
    ['was ready', death.wasReady ? 'yes' : 'no'],
    ['memory', rssBytes === undefined ? undefined : formatBytes(rssBytes)],
    ['loop delay', loopDelayMs === undefined ? undefined : `${Math.round(loopDelayMs)} ms`],
    ['pid', String(death.pid)],
    [
      'changed since it last ran well',
      changed === undefined || changed.length === 0 ? undefined : changed.join(', '),
    ],
    ['report', report],
  ]
  const shown = lines === 0 ? [] : death.lastLines.slice(-lines)
  return [
    `  ${palette.cyan(new Date(atMs).toISOString())}  ${deathSentence(death)}`,
    ...facts.flatMap(([label, value]) => (value === undefined ? [] : [`    ${label}: ${value}`])),
    ...(shown.length === 0 ? [] : ['    last lines:', ...shown.map((line) => `      ${line}`)]),
  ].join('\n')
}
