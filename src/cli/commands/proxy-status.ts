/** `lbm proxy status`. */

import type { ProxyServerView, ProxyView } from '../../contract/proxy-api.ts'
import { ask, type Cli } from '../cli.ts'
import { paletteFor } from '../io.ts'
import { type Cell, fastTable } from '../output/fast-table.ts'

export async function runProxyStatus(
  cli: Cli,
  { json = false }: { json?: boolean },
): Promise<void> {
  const { proxies } = await ask(cli, 'proxy.status', {})
  if (json) {
    cli.io.out(JSON.stringify(proxies, null, 2))
    return
  }
  if (cli.silent) return
  if (proxies.length === 0) {
    cli.io.out('No proxy was applied. Apply one: lbm proxy nginx <app> --apply')
    return
  }
  for (const proxy of proxies) await show(cli, proxy)
}

async function show(cli: Cli, proxy: ProxyView): Promise<void> {
  const { bold, green, red, yellow } = await paletteFor(cli.io)
  const state = proxy.running ? green('serves') : red('does not answer')
  cli.io.out(`${bold(proxy.kind)} ${proxy.file} ${state}`)
  const totals = Object.entries(proxy.totals).map(([name, value]) => `${name} ${value}`)
  if (totals.length > 0) cli.io.out(`  ${totals.join(', ')}`)
  const head = [
    'app',
    'n',
    'address',
    'lbm',
    proxy.kind,
    'sessions',
    'queued',
    'requests',
    'errors',
    'weight',
  ]
  cli.io.out(
    fastTable(
      head.map((text): Cell => ({ text })),
      proxy.servers.map((server) => rowOf(server)),
    ),
  )
  for (const difference of proxy.differences) cli.io.out(`  ${yellow(difference)}`)
}

function rowOf(server: ProxyServerView): Cell[] {
  const { app, number, address, lbm, proxy, sessions, queued, requests, errors, weight } = server
  return [app, number, address, lbm, proxy, sessions, queued, requests, errors, weight].map(
    (value) => ({
      text: value === undefined ? '-' : String(value),
    }),
  )
}
