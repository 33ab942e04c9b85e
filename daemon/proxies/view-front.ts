/** One proxy as it is: its own figures beside lbm's view, and where the two differ. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import type { ProxyServerView, ProxyView } from '../../src/contract/proxy-api.ts'
import { readIfThere } from './apply.ts'
import type { Front } from './front.ts'
import { backendName, serverName } from './haproxy-backend.ts'
import { askHaproxy } from './haproxy-socket.ts'
import { numberOf, parseStat, parseStubStatus, type StatRow } from './haproxy-stats.ts'
import { askControl } from './nginx-control.ts'
import type { ProxyProgram } from './port.ts'
import { type ProxiedApp, proxiedApp } from './proxied-app.ts'
import { originOf } from './signed-text.ts'

export interface ViewContext {
  program: ProxyProgram
  statesOf: (record: AppRecord) => InstanceState[]
  trouble: string | undefined
}

export async function viewFront(
  front: Front,
  records: readonly AppRecord[],
  { program, statesOf, trouble }: ViewContext,
): Promise<ProxyView> {
  const { kind, file, apps, place } = front
  const text = await readIfThere(file).catch(() => undefined)
  const origin = text === undefined ? 'missing' : originOf(text)
  const serving = await program.serving()
  const running = serving !== undefined
  const rows =
    kind === 'haproxy' && running
      ? parseStat(await askHaproxy(place.socket, 'show stat json').catch(() => ''))
      : []
  const servers = records.flatMap((record) =>
    serversOf(proxiedApp(record, front.options), statesOf(record), rows),
  )
  const totals =
    kind === 'nginx' && running
      ? parseStubStatus((await askControl(place.control, place.controlName, '/status'))?.body ?? '')
      : totalsOf(rows)
  return {
    kind,
    file,
    apps,
    origin,
    running,
    servers,
    totals,
    differences: [
      ...(trouble === undefined ? [] : [trouble]),
      ...(origin === 'ours'
        ? []
        : [`the file ${origin === 'missing' ? 'is gone' : 'was changed by hand'}`]),
      ...(running ? [] : [`no ${kind} answers`]),
      ...(running && !hasGeneration(text, serving)
        ? ['what runs is not what the file says: reload it, or apply it anew']
        : []),
      ...apps
        .filter((key) => !records.some((record) => record.key === key))
        .map((key) => `there is no app "${key}" with slots any more`),
      ...servers.flatMap(differenceOf),
    ],
  }
}

function hasGeneration(text: string | undefined, serving: string): boolean {
  return text === undefined || text.includes(serving)
}

function serversOf(
  app: ProxiedApp,
  states: readonly InstanceState[],
  rows: readonly StatRow[],
): ProxyServerView[] {
  const rowOf = (server: string): StatRow | undefined =>
    rows.find((row) => row.proxy === backendName(app) && row.server === server)
  return [
    ...app.servers.map(({ number, address }): ProxyServerView => {
      const state = states.find((one) => one.number === number)
      return {
        app: app.key,
        number,
        address: address.type === 'unix' ? address.path : `${address.host}:${address.port}`,
        lbm: state?.phase ?? 'unused',
        ...figures(rowOf(serverName(number))),
      }
    }),
    ...app.proxy.hosts.map(({ address, port, backup }, index): ProxyServerView => ({
      app: app.key,
      address: `${address}:${port}`,
      lbm: backup ? 'another host (backup)' : 'another host',
      ...figures(rowOf(`h${index + 1}`)),
    })),
  ]
}

function figures(row: StatRow | undefined): Partial<ProxyServerView> {
  if (row === undefined) return {}
  return {
    proxy: String(row['status'] ?? ''),
    sessions: numberOf(row, 'scur'),
    queued: numberOf(row, 'qcur'),
    errors: numberOf(row, 'econ') + numberOf(row, 'eresp'),
    requests: numberOf(row, 'stot'),
    weight: numberOf(row, 'weight'),
  }
}

function totalsOf(rows: readonly StatRow[]): Record<string, number> {
  const fronts = rows.filter(
    ({ server, proxy }) => server === 'FRONTEND' && proxy.startsWith('lbm_'),
  )
  if (fronts.length === 0) return {}
  const sum = (name: string): number =>
    fronts.reduce((total, row) => total + numberOf(row, name), 0)
  return {
    connections: sum('scur'),
    accepted: sum('conn_tot'),
    requests: sum('req_tot'),
    errors: sum('ereq'),
    denied: sum('dreq'),
  }
}

/** A slot without an instance of its own is served by another one, so a proxy may call it up. */
function differenceOf({ app, number, lbm, proxy }: ProxyServerView): string[] {
  if (number === undefined || proxy === undefined) return []
  const where = `${app} ${number}`
  const isUp = proxy.startsWith('UP')
  if (lbm === 'ready' && !isUp) return [`${where}: lbm says ready, HAProxy says ${proxy}`]
  if (['stopped', 'errored', 'unused', 'unready'].includes(lbm) && isUp)
    return [`${where}: lbm says ${lbm}, HAProxy says ${proxy}`]
  return []
}
