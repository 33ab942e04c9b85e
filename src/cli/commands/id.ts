import { inspect } from 'node:util'

import type { Command } from 'commander'

import type { Cli } from '../cli.ts'
import { fetchDetails } from './jlist.ts'

export function addId(program: Command, cli: Cli): void {
  program
    .command('id')
    .argument('<app>', "name, or path of the app's script")
    .description('the ids of an app; [] when there is none')
    .option('--json', 'print a JSON array')
    .action((app: string, options: { json?: boolean }) => runId(cli, app, options))
}

export async function runId(
  cli: Cli,
  app: string,
  { json = false }: { json?: boolean } = {},
): Promise<void> {
  const ids = (await fetchDetails(cli, false))
    .filter(({ record }) => record.spec.name === app || record.spec.script === app)
    .flatMap(({ instances }) => instances.map(({ id }) => id))
    .toSorted((a, b) => a - b)
  cli.io.out(
    json ? JSON.stringify(ids) : inspect(ids, { maxArrayLength: null, breakLength: Infinity }),
  )
}
