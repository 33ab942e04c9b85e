import { execFile } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

import type { Command } from 'commander'

import type { ImportedApps } from '../../config/from-pm2.ts'
import { findInPath } from '../../config/programs.ts'
import { LbmError } from '../../contract/errors.ts'
import { isSecretName } from '../../contract/mask.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { finish } from '../finish.ts'
import { sayOutcomes } from '../output/outcomes.ts'
import { type Say, sayFor } from '../output/say.ts'

interface ImportOptions {
  output?: string
  force?: boolean
  start?: boolean
  running?: boolean
  saved?: boolean
}

const DEFAULT_OUTPUT = 'ecosystem.config.js'
const JLIST_TIMEOUT_MS = 15_000
const JLIST_MAX_BYTES = 256 * 1024 * 1024

export function addImport(program: Command, cli: Cli): void {
  program
    .command('import')
    .argument('<from>', 'pm2')
    .argument('[file]', 'PM2\'s dump.pm2, or what "pm2 jlist" printed; - for stdin')
    .description('take over what PM2 runs or has saved')
    .option(
      '-o, --output <file>',
      `ecosystem file to write, .js, .mjs, .json or .yaml; - for stdout (default: ${DEFAULT_OUTPUT})`,
    )
    .option('-f, --force', 'write over the file that is there')
    .option('--start', 'start the apps here, and write no file unless -o names one')
    .option('--running', 'ask the PM2 that runs; do not look at its saved list')
    .option('--saved', 'read its saved list, even if it runs')
    .addHelpText(
      'after',
      `
Examples:
  $ lbm import pm2                      what runs, else what is saved, as ${DEFAULT_OUTPUT}
  $ pm2 save && pm2 kill && lbm import pm2 --start
  $ lbm import pm2 /home/deploy/.pm2/dump.pm2 -o apps.json`,
    )
    .action((from: string, file: string | undefined, options: ImportOptions) =>
      runImport(cli, from, file, options),
    )
}

async function runImport(
  cli: Cli,
  from: string,
  file: string | undefined,
  options: ImportOptions,
): Promise<void> {
  if (from !== 'pm2') {
    throw new LbmError('USAGE', `There is nothing to import from "${from}".`, {
      hint: 'lbm import pm2',
    })
  }
  const toStdout = options.output === '-'
  const say = await sayFor(toStdout ? { ...cli, silent: true } : cli)
  const { value, source } = await readList(cli, file, options)
  const { fromPm2 } = await import('../../config/from-pm2.ts')
  const imported = fromPm2(value, source, { shell: cli.io.env, isOwnNode })
  if (imported.apps.length === 0) {
    throw new LbmError('OPERATION_FAILED', `${source} holds no app.`, {
      hint: 'start them in PM2 and type "pm2 save"',
    })
  }
  say.info(`${imported.apps.length} apps found in ${source}`)
  for (const note of imported.notes) say.warn(note)
  if (options.output !== undefined || options.start !== true)
    await writeConfig(cli, say, imported, options)
  if (options.start === true) await startAll(cli, say, imported, source)
}

interface Found {
  value: unknown
  source: string
}

/** @throws LbmError OPERATION_FAILED when there is neither a PM2 nor a list of one */
async function readList(
  cli: Cli,
  file: string | undefined,
  { running = false, saved = false }: ImportOptions,
): Promise<Found> {
  if (file === '-')
    return { value: await parseJson(readFileSync(0, 'utf8'), 'stdin'), source: 'stdin' }
  if (file !== undefined) return readFile(resolve(currentFolder(), file))
  const home = cli.io.env['PM2_HOME'] ?? join(homedir(), '.pm2')
  if (!saved && (running || isRunning(home))) return await askPm2(cli, home)
  const dump = [join(home, 'dump.pm2'), join(home, 'dump.pm2.bak')].find((path) => existsSync(path))
  if (dump !== undefined) return readFile(dump)
  throw new LbmError('OPERATION_FAILED', `No PM2 runs in ${home}, and it has no saved list.`, {
    hint: 'name the file: lbm import pm2 <dump.pm2>; or set PM2_HOME',
  })
}

function isOwnNode(path: string): boolean {
  return existsSync(path) && realpathSync(path) === realpathSync(process.execPath)
}

async function parseJson(text: string, source: string): Promise<unknown> {
  const parser = await import('../../config/parse-text.ts')
  return parser.parseJson(text, source)
}

async function readFile(path: string): Promise<Found> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new LbmError('CONFIG_INVALID', `${path} cannot be read: ${(cause as Error).message}.`, {
      cause,
    })
  }
  return { value: await parseJson(text, path), source: path }
}

function isRunning(home: string): boolean {
  try {
    process.kill(Number(readFileSync(join(home, 'pm2.pid'), 'utf8')), 0)
    return true
  } catch (error) {
    // One of another user is there, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function askPm2(cli: Cli, home: string): Promise<Found> {
  const { env } = cli.io
  const program = findInPath('pm2', env['PATH'], currentFolder())
  if (program === undefined) {
    throw new LbmError('OPERATION_FAILED', `A PM2 runs in ${home}, but PATH has no pm2 to ask.`, {
      hint: 'type "lbm import pm2 --saved" for its saved list, or hand over a file that "pm2 jlist" printed',
    })
  }
  const { stdout } = await promisify(execFile)(program, ['jlist', '--silent'], {
    // Its own variables are none of the apps'.
    env: { ...env, PM2_HOME: home },
    timeout: JLIST_TIMEOUT_MS,
    maxBuffer: JLIST_MAX_BYTES,
  })
  // PM2 may print of other things first.
  const start = stdout.search(/\[\s*(\{|\])/)
  return {
    value: await parseJson(stdout.slice(Math.max(0, start)), 'pm2 jlist'),
    source: `the PM2 in ${home}`,
  }
}

async function writeConfig(
  cli: Cli,
  say: Say,
  { apps }: ImportedApps,
  { output = DEFAULT_OUTPUT, force = false }: ImportOptions,
): Promise<void> {
  const { configText } = await import('../../config/write-config.ts')
  const text = configText(apps, output)
  if (output === '-') {
    cli.io.write(text)
    return
  }
  const path = resolve(currentFolder(), output)
  if (existsSync(path) && !force) {
    throw new LbmError('OPERATION_FAILED', `${path} is there already.`, {
      hint: 'choose another name by -o, or --force writes over it',
    })
  }
  // Variables of PM2's list may be secrets.
  writeFileSync(path, text, { mode: 0o600 })
  say.info(`File ${path} generated`)
  const secrets = new Set(apps.flatMap(({ env }) => Object.keys(env ?? {}).filter(isSecretName)))
  if (secrets.size > 0) {
    say.warn(
      `it holds values of ${[...secrets].join(', ')}; "\${NAME}" or env_file keep them out of it`,
    )
  }
  say.info(`to see what it would do: lbm plan ${output}; to start: lbm start ${output}`)
}

async function startAll(cli: Cli, say: Say, { apps }: ImportedApps, source: string): Promise<void> {
  const { startConfig } = await import('../../client/start-file.ts')
  const { wireByCall } = await import('../../client/wire.ts')
  const { homeOf } = await import('../cli.ts')
  const wire = wireByCall({ home: () => homeOf(cli), env: cli.io.env })
  const place = { cwd: currentFolder(), env: cli.io.env }
  const outcomes = await startConfig(wire, { apps }, source, place)
  sayOutcomes(
    say,
    outcomes.map(({ app, name, outcomes: ofApp = [] }) => ({ app, name, outcomes: ofApp })),
  )
  await finish(cli, outcomes, {})
}
