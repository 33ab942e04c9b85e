import type { Command } from 'commander'

import { isAsPm2 } from '../../client/as-pm2.ts'
import { isDaemonDown } from '../../client/call.ts'
import { toPm2Process, type Pm2Process } from '../../client/pm2-process.ts'
import type { AppDetail } from '../../contract/api.ts'
import { isLbmError } from '../../contract/errors.ts'
import { ask, type Cli, homeOf } from '../cli.ts'

export interface JlistOptions {
  reveal?: boolean
}

export function addJlist(program: Command, cli: Cli): void {
  program
    .command('jlist')
    .description("every instance as JSON on one line, in PM2's shape")
    .option('--reveal', 'print values of secret-looking environment variables, too')
    .action((options: JlistOptions) => runJlist(cli, options))
  program
    .command('prettylist')
    .description('the same as a JavaScript literal, for people')
    .option('--reveal', 'print values of secret-looking environment variables, too')
    .action(async (options: JlistOptions) => {
      const { inspect } = await import('node:util')
      const literal = inspect(await pm2Processes(cli, options), {
        depth: null,
        maxArrayLength: null,
        colors: cli.io.colour,
      })
      cli.io.out(literal)
    })
}

/** Printed even with `--silent`, and without a newline: scripts read it. */
export async function runJlist(cli: Cli, options: JlistOptions = {}): Promise<void> {
  cli.io.write(JSON.stringify(await pm2Processes(cli, options)))
}

async function pm2Processes(cli: Cli, { reveal = false }: JlistOptions): Promise<Pm2Process[]> {
  const home = homeOf(cli)
  // A script that calls pm2 may need what it finds there, and knows no word of lbm's.
  const isPm2 = isAsPm2(cli.io.env)
  const shows = reveal || isPm2
  return (await fetchDetails(cli, shows))
    .flatMap(({ record, instances, nextRunMs, evenness }) =>
      instances.map((view) =>
        toPm2Process(record, view, { home, reveal: shows, nextRunMs, evenness }),
      ),
    )
    .map((process) => (isPm2 ? withoutOwnFacts(process) : process))
    .toSorted((a, b) => a.pm_id - b.pm_id)
}

function withoutOwnFacts({ pm2_env, ...process }: Pm2Process): Pm2Process {
  const { lbm: _, ...facts } = pm2_env
  const { pid, name, pm_id, monit } = process
  return { pid, name, pm2_env: facts, pm_id, monit }
}

/**
 * Every app; none when there is no daemon.
 * @param reveal what compares environments needs them as they are
 */
export async function fetchDetails(cli: Cli, reveal = true): Promise<AppDetail[]> {
  try {
    return (await ask(cli, 'app.describe', { selectors: ['all'], reveal })).apps
  } catch (error) {
    if (isDaemonDown(error) || (isLbmError(error) && error.code === 'APP_NOT_FOUND')) return []
    throw error
  }
}
