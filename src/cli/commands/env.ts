import type { Command } from 'commander'

import { maskEnv, maskValue } from '../../client/mask.ts'
import type { AppDetail } from '../../contract/api.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import { askAbout, type Cli } from '../cli.ts'

interface EnvOptions {
  why?: string
  reveal?: boolean
  json?: boolean
}

export function addEnv(program: Command, cli: Cli): void {
  program
    .command('env')
    .argument('<app>', 'id or name')
    .description('the environment that an app has')
    .option('--why <name>', 'say where the value of one variable comes from')
    .option('--reveal', 'print values of secret-looking variables, too')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExamples:\n  $ lbm env 0\n  $ lbm env api --why PORT')
    .action((app: string, options: EnvOptions) => runEnv(cli, app, options))
}

export async function runEnv(
  cli: Cli,
  app: string,
  { why, reveal = false, json = false }: EnvOptions,
): Promise<void> {
  const { apps } = await askAbout(cli, [app], 'app.describe', { selectors: [app] })
  const [detail] = apps
  if (detail === undefined) throw new LbmError('APP_NOT_FOUND', `No app called "${app}".`)
  if (why !== undefined) {
    cli.io.out(explain(detail, why, reveal, json))
    return
  }
  const { env } = detail.record.spec
  const shown = sortedByName(reveal ? env : maskEnv(env))
  if (json) cli.io.out(JSON.stringify(Object.fromEntries(shown), null, 2))
  else for (const [name, value] of shown) cli.io.out(`${name}: ${value}`)
}

/** @throws LbmError USAGE for a variable that the app does not have */
function explain({ record }: AppDetail, name: string, reveal: boolean, json: boolean): string {
  const { env, envSources } = record.spec
  const value = env[name]
  if (value === undefined) {
    throw new LbmError('USAGE', `${record.spec.name} has no variable ${name}.`, {
      hint: didYouMean(name, Object.keys(env)),
    })
  }
  const shown = reveal ? value : maskValue(name, value)
  const source = envSources[name] ?? 'unknown'
  return json
    ? JSON.stringify({ name, value: shown, source })
    : `${name}: ${shown}\n  from ${sourceSentence(source)}`
}

function sourceSentence(source: string): string {
  if (source === 'shell') return 'the shell that started the app'
  if (source === 'port') return 'the key "port"'
  if (source.startsWith('env_file:')) return `the file ${source.slice('env_file:'.length)}`
  return `"${source}" of the ecosystem file`
}

function sortedByName(env: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
