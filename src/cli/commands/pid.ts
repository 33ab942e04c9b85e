import type { Command } from 'commander'

import { isAsPm2 } from '../../client/as-pm2.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import type { InstanceView } from '../../contract/instance.ts'
import type { Cli } from '../cli.ts'
import { fetchViews } from './list.ts'

export function addPid(program: Command, cli: Cli): void {
  program
    .command('pid')
    .argument('[app]', 'name or id; every instance when left out')
    .description('pids, one a line; 0 for what is not running')
    .option('--json', 'print a JSON array')
    .action((app: string | undefined, options: { json?: boolean }) => runPid(cli, app, options))
}

/** @throws LbmError APP_NOT_FOUND */
export async function runPid(
  cli: Cli,
  app: string | undefined,
  { json }: { json?: boolean } = {},
): Promise<void> {
  const views = await fetchViews(cli)
  const chosen = app === undefined ? views : matching(views, app)
  if (app !== undefined && chosen.length === 0) {
    if (!isAsPm2(cli.io.env)) throw unknownApp(app, views)
    cli.io.out('') // PM2's answer, which `$(pm2 pid app)` takes for none
  }
  const pids = chosen.toSorted((a, b) => a.id - b.id).map(({ pid }) => pid)
  if (json) cli.io.out(JSON.stringify(pids))
  else for (const pid of pids) cli.io.out(String(pid))
}

function matching(views: readonly InstanceView[], app: string): InstanceView[] {
  const named = views.filter(({ name }) => name === app)
  return named.length > 0 ? named : views.filter(({ id }) => String(id) === app)
}

function unknownApp(app: string, views: readonly InstanceView[]): LbmError {
  return new LbmError('APP_NOT_FOUND', `No app called "${app}".`, {
    hint: didYouMean(
      app,
      views.map(({ name }) => name),
    ),
  })
}
