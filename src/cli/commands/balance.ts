import type { Command } from 'commander'

import { BALANCE_POLICIES, type BalancePolicy, type BalanceSpec } from '../../contract/app.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import { askAbout, type Cli } from '../cli.ts'
import { sayFor } from '../output/say.ts'

interface BalanceOptions {
  weights?: string
  stickyCookie?: string
  stickyHeader?: string
  stickyQuery?: string
  json?: boolean
}

export function addBalance(program: Command, cli: Cli): void {
  program
    .command('balance')
    .argument('<app>', 'name, id, namespace, /pattern/ or all')
    .argument('<policy>', BALANCE_POLICIES.join(', '))
    .description('change how connections are given to instances')
    .option('--weights <list>', 'weighted: one number an instance, such as 3,1')
    .option('--sticky-cookie <name>', 'sticky: by this cookie')
    .option('--sticky-header <name>', 'sticky: by this header')
    .option('--sticky-query <name>', 'sticky: by this part of the query')
    .option('--json', 'print the apps as one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm balance api round-robin\n  $ lbm balance chat sticky --sticky-cookie io',
    )
    .action((app: string, policy: string, options: BalanceOptions) =>
      runBalance(cli, app, policy, options),
    )
}

export async function runBalance(
  cli: Cli,
  app: string,
  policy: string,
  options: BalanceOptions,
): Promise<void> {
  const balance: Partial<BalanceSpec> = {
    policy: parsePolicy(policy),
    ...(options.weights === undefined ? {} : { weights: parseWeights(options.weights) }),
    ...(options.stickyCookie === undefined ? {} : { stickyCookie: options.stickyCookie }),
    ...(options.stickyHeader === undefined ? {} : { stickyHeader: options.stickyHeader }),
    ...(options.stickyQuery === undefined ? {} : { stickyQuery: options.stickyQuery }),
  }
  const { apps } = await askAbout(cli, [app], 'app.balance', { selectors: [app], balance })
  if (options.json) cli.io.out(JSON.stringify({ apps, balance }, null, 2))
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  for (const name of apps) say.info(`[${name}] ✓ ${policy}`)
}

function parsePolicy(given: string): BalancePolicy {
  const policy = BALANCE_POLICIES.find((known) => known === given)
  if (policy !== undefined) return policy
  throw new LbmError('USAGE', `There is no policy "${given}".`, {
    hint: didYouMean(given, BALANCE_POLICIES),
  })
}

function parseWeights(text: string): number[] {
  const weights = text.split(',').map(Number)
  if (weights.every((weight) => Number.isFinite(weight) && weight >= 0)) return weights
  throw new LbmError('USAGE', `--weights: expected numbers such as 3,1, got "${text}".`)
}
