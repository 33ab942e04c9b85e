import { resolve } from 'node:path'

import type { Command } from 'commander'

import { LbmError } from '../../contract/errors.ts'
import { askStarting, type Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { finish } from '../finish.ts'
import { sayOutcomes } from '../output/outcomes.ts'
import { sayFor } from '../output/say.ts'

interface ServeOptions {
  port?: string
  host?: string
  name?: string
  instances?: string
  spa?: boolean
  ftp?: boolean
  homepage?: string
  basicAuthUsername?: string
  basicAuthPassword?: string
  json?: boolean
}

const DEFAULT_PORT = '8080'

export function addServe(program: Command, cli: Cli): void {
  const command = program
    .command('serve')
    .alias('expose')
    .argument('[path]', 'folder (default: the current one)')
    .argument('[port]', `port (default: ${DEFAULT_PORT})`)
    .description('serve the files of a folder')
    .option('--port <port>', 'the same')
    .option('--host <address>', 'address to listen on (default: every one, 0.0.0.0)')
    .option('-n, --name <name>', 'name in lists (default: static-page-server-<port>)')
    .option('-i, --instances <n>', 'instances: a number, or max')
    .option(
      '--spa',
      'answer unknown paths with the home page, for programs that route by themselves',
    )
    .option('--ftp', 'list folders')
    .option('--homepage <file>', 'page for a folder (default: /index.html)')
    .option('--basic-auth-username <name>', 'ask for a login')
    .option(
      '--basic-auth-password <password>',
      'its password; others on this host may see it: PM2_SERVE_BASIC_AUTH_PASSWORD in the environment is safer',
    )
    .option('--json', 'print what came of it as one JSON document')
  command.addOption(command.createOption('--monitor').hideHelp())
  command
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm serve dist 3000 --spa\n  $ lbm serve . --ftp --basic-auth-username me --basic-auth-password …',
    )
    .action((path: string | undefined, port: string | undefined, options: ServeOptions) =>
      runServe(cli, path, port, options),
    )
}

async function runServe(
  cli: Cli,
  path = '.',
  givenPort: string | undefined,
  options: ServeOptions,
): Promise<void> {
  const { name, host, spa, ftp, homepage, instances, json } = options
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  const cwd = currentFolder()
  const root = resolve(cwd, path)
  const port = portOf(options.port ?? givenPort ?? cli.io.env['PM2_SERVE_PORT'] ?? DEFAULT_PORT)
  const basicAuth = loginOf(options, cli.io.env)
  const { buildSpec } = await import('../../config/app-spec.ts')
  const { checkOptions } = await import('../../config/options.ts')
  const { serverDefinition } = await import('../../config/static-servers.ts')
  const definition = {
    ...serverDefinition({ name, path: root, port, host, spa, ftp, homepage, basicAuth }),
    ...(instances === undefined ? {} : { instances }),
  }
  const { app, raw } = checkOptions(definition)
  const { spec } = buildSpec(app, { cwd, env: cli.io.env, raw })
  const { restarted: _, ...outcome } = await askStarting(cli, 'app.start', {
    spec,
    force: false,
    wait: true,
  })
  say.info(`Serving ${root} on port ${port}`)
  sayOutcomes(say, [outcome])
  await finish(cli, [outcome], { json })
}

/** @throws LbmError USAGE */
function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port < 65_536) return port
  throw new LbmError('USAGE', `The port must be a number up to 65535, and is "${text}".`)
}

/** @throws LbmError USAGE for half a login */
function loginOf(
  { basicAuthUsername, basicAuthPassword }: ServeOptions,
  env: NodeJS.ProcessEnv,
): { username: string; password: string } | undefined {
  const username = basicAuthUsername ?? env['PM2_SERVE_BASIC_AUTH_USERNAME']
  const password = basicAuthPassword ?? env['PM2_SERVE_BASIC_AUTH_PASSWORD']
  if (username === undefined && password === undefined) return undefined
  if (username && password) return { username, password }
  throw new LbmError('USAGE', 'A login needs both --basic-auth-username and --basic-auth-password.')
}
