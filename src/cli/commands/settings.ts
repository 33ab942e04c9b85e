import type { Command } from 'commander'

import { isAsPm2 } from '../../client/as-pm2.ts'
import { settingKey, settingPairs } from '../../client/setting-key.ts'
import { splitWords } from '../../config/split-words.ts'
import { LbmError } from '../../contract/errors.ts'
import { maskValue } from '../../contract/mask.ts'
import type { Settings } from '../../contract/settings.ts'
import { askStarting, type Cli } from '../cli.ts'
import { sayFor } from '../output/say.ts'

interface SettingOptions {
  json?: boolean
  reveal?: boolean
}

/** PM2's store of settings, which provisioning scripts and old instructions know. */
export function addSettings(program: Command, cli: Cli): void {
  program
    .command('set')
    .argument('[key]', 'name, or module:name')
    .argument('[value]', 'its value, a text')
    .description('keep a setting; without a value, list them')
    .action((key: string | undefined, value: string | undefined) => runConfig(cli, key, value, {}))
  program
    .command('multiset')
    .argument('<pairs>', 'names and values in turn, with quotes where a value has spaces')
    .description('keep several settings at once')
    .addHelpText('after', '\nExamples:\n  $ lbm multiset "mod:a 1 mod:b \'two words\'"')
    .action((pairs: string) => runMultiset(cli, pairs))
  for (const name of ['get', 'conf'] as const) {
    program
      .command(name)
      .argument('[key]', 'name, or module:name; all of them when left out')
      .description(
        name === 'get' ? 'show a setting, or all; exit 1 for an unknown one' : 'the same',
      )
      .option('--json', 'print one JSON document')
      .option('--reveal', 'print values of secret-looking names, too, in the list of all')
      .action((key: string | undefined, options: SettingOptions) => runGet(cli, key, options))
  }
  program
    .command('config')
    .argument('<key>', 'name, or module:name')
    .argument('[value]', 'its new value')
    .description('show a setting, or keep it')
    .option('--json', 'print one JSON document')
    .action((key: string, value: string | undefined, options: SettingOptions) =>
      runConfig(cli, key, value, options),
    )
  program
    .command('unset')
    .argument('<key>', 'name, or module:name; all for every one')
    .description('take a setting away')
    .action((key: string) => runUnset(cli, key))
}

async function change(cli: Cli, changes: Record<string, string | null>): Promise<void> {
  await askStarting(cli, 'settings.write', { changes })
  const say = await sayFor(cli)
  say.info('Setting changed')
  for (const [key, value] of Object.entries(changes)) {
    if (value !== null && !cli.silent) cli.io.out(setLine(cli, key, maskValue(key, value)))
  }
}

function setLine({ io }: Cli, key: string, value: string): string {
  return `$ ${isAsPm2(io.env) ? 'pm2' : 'lbm'} set ${key} ${value}`
}

async function read(cli: Cli): Promise<Settings> {
  return (await askStarting(cli, 'settings.read', {})).settings
}

async function runConfig(
  cli: Cli,
  key: string | undefined,
  value: string | undefined,
  options: SettingOptions,
): Promise<void> {
  if (key === undefined || value === undefined) await runGet(cli, key, options)
  else await change(cli, { [settingKey(key)]: value })
}

async function runMultiset(cli: Cli, text: string): Promise<void> {
  const pairs = settingPairs(splitWords(text))
  if (pairs === undefined || Object.keys(pairs).length === 0) {
    throw new LbmError('USAGE', 'Expected names and values in turn, and one value is missing.', {
      hint: 'lbm multiset "mod:a 1 mod:b 2"',
    })
  }
  await change(cli, pairs)
}

/** @throws LbmError OPERATION_FAILED for an unknown one */
async function runGet(
  cli: Cli,
  key: string | undefined,
  { json = false, reveal = false }: SettingOptions,
): Promise<void> {
  const settings = await read(cli)
  if (key === undefined) {
    const shown = Object.entries(settings).map(([name, value]): [string, string] => [
      name,
      reveal ? value : maskValue(name, value),
    ])
    if (json) cli.io.out(JSON.stringify(Object.fromEntries(shown), null, 2))
    else for (const [name, value] of shown) cli.io.out(setLine(cli, name, value))
    return
  }
  const name = settingKey(key)
  const value = settings[name]
  if (value === undefined) {
    throw new LbmError('OPERATION_FAILED', `There is no setting "${key}".`, {
      hint: 'lbm get lists them',
    })
  }
  if (json) cli.io.out(JSON.stringify(value))
  else cli.io.out(valueLine(name, value))
}

/** PM2's sentence, which scripts cut at its last colon. */
function valueLine(name: string, value: string): string {
  const [module, ...rest] = name.split(':')
  return rest.length === 0
    ? `Value for key ${name}: ${value}`
    : `Value for module ${module} key ${rest.join(':')}: ${value}`
}

async function runUnset(cli: Cli, key: string): Promise<void> {
  const names = key === 'all' ? Object.keys(await read(cli)) : [settingKey(key)]
  await change(cli, Object.fromEntries(names.map((name) => [name, null])))
}
