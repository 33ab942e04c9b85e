import type { Command } from 'commander'

import type { AppDetail } from '../../contract/api.ts'
import type { AppSpec } from '../../contract/app.ts'
import { unreadNames } from '../../contract/env-references.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import { givenVariables } from '../../contract/instance-env.ts'
import { maskValue } from '../../contract/mask.ts'
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
  const { apps } = await askAbout(cli, [app], 'app.describe', { selectors: [app], reveal })
  const [detail] = apps
  if (detail === undefined) throw new LbmError('APP_NOT_FOUND', `No app called "${app}".`)
  if (why !== undefined) {
    cli.io.out(explain(detail, why, reveal, json))
    return
  }
  const variables = variablesOf(detail)
  const shown = [...variables.keys()]
    .toSorted()
    .map((name) => [name, shownValue(name, variables, reveal)] as const)
  if (json) cli.io.out(JSON.stringify(Object.fromEntries(shown), null, 2))
  else for (const [name, value] of shown) cli.io.out(`${name}: ${value}`)
}

/** What is not stored is read by the app's start alone. */
function unreadVariables(spec: AppSpec): [string, string][] {
  return unreadNames(spec).map((name) => [name, '(read at each start)'])
}

interface Variable {
  value: string
  source: string
  /** Ends the sentence "from …". */
  sentence: string
}

/** As the instance that was named has it, or the first of the app. */
function variablesOf({ record: { spec }, instances }: AppDetail): Map<string, Variable> {
  const variables = new Map(
    [...Object.entries(spec.env), ...unreadVariables(spec)].map(
      ([name, value]): [string, Variable] => {
        const source = spec.envSources[name] ?? 'unknown'
        return [name, { value, source, sentence: sourceSentence(source) }]
      },
    ),
  )
  const [instance] = instances
  for (const { name, value, source } of instance === undefined
    ? []
    : givenVariables(spec, instance))
    variables.set(name, { value, source: 'lbm', sentence: source })
  return variables
}

function shownValue(name: string, variables: Map<string, Variable>, reveal: boolean): string {
  const { value = '' } = variables.get(name) ?? {}
  return reveal ? value : maskValue(name, value)
}

/** @throws LbmError USAGE for a variable that the app does not have */
function explain(detail: AppDetail, name: string, reveal: boolean, json: boolean): string {
  const variables = variablesOf(detail)
  const variable = variables.get(name)
  if (variable === undefined) {
    throw new LbmError('USAGE', `${detail.record.spec.name} has no variable ${name}.`, {
      hint: didYouMean(name, [...variables.keys()]),
    })
  }
  const { source, sentence } = variable
  const value = shownValue(name, variables, reveal)
  return json ? JSON.stringify({ name, value, source }) : `${name}: ${value}\n  from ${sentence}`
}

function sourceSentence(source: string): string {
  if (source === 'shell') return 'the shell that started the app'
  if (source === 'port' || source === 'uid') return `the key "${source}"`
  if (source.startsWith('env_file:')) return `the file ${source.slice('env_file:'.length)}`
  return `"${source}" of the ecosystem file`
}
