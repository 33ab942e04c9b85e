/** From the arguments to an exit code. The commands typed all day are chosen by hand, before commander is loaded. */

import { existsSync } from 'node:fs'

import { isAsPm2 } from '../client/as-pm2.ts'
import { isConfigFileName } from '../config/config-file-name.ts'
import { type Cli, homeOf } from './cli.ts'
import { runJlist } from './commands/jlist.ts'
import { runList } from './commands/list.ts'
import { runPid } from './commands/pid.ts'
import { runPing } from './commands/ping.ts'
import type { Io } from './io.ts'
import { reportError } from './output/errors.ts'

/** @param args without the program's and the script's name */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  try {
    const { own, passthrough } = splitAtDashes(args)
    const cli: Cli = {
      io,
      passthrough,
      silent: own.includes('-s') || own.includes('--silent') || isSilenced(io.env),
      miniList: own.includes('-m') || own.includes('--mini-list'),
    }
    const hot = hotCommand(cli, own)
    if (hot !== undefined) {
      await hot()
      return 0
    }
    if (!startsScript(own) || existsSync(homeOf(cli).socket)) return await runCommand(cli, own)
    const { withHeadStart } = await import('./with-head-start.ts')
    return await withHeadStart(cli, (started) => runCommand(started, own))
  } catch (error) {
    return reportError(io, error)
  }
}

async function runCommand(cli: Cli, own: string[]): Promise<number> {
  const { runProgram } = await import('./program.ts')
  if (!own.includes('--ci')) return await runProgram(cli, own)
  const { runInPipeline } = await import('./run-in-pipeline.ts')
  const inPipeline = { ...cli, pipeline: own }
  return await runInPipeline(inPipeline, own, () => runProgram(inPipeline, own))
}

const NEEDS_NO_SUPERVISOR = new Set(['-h', '--help', '--foreground', '--no-daemon'])

/** Seen without knowledge of the options: a wrong guess costs time, and is taken back. */
function startsScript([command, target = '', ...rest]: readonly string[]): boolean {
  return (
    command === 'start' &&
    existsSync(target) &&
    !isConfigFileName(target) &&
    !rest.some((word) => NEEDS_NO_SUPERVISOR.has(word))
  )
}

function isSilenced(env: NodeJS.ProcessEnv): boolean {
  return env['LBM_SILENT'] !== undefined || (isAsPm2(env) && env['PM2_SILENT'] !== undefined)
}

/** What stands behind the first `--` belongs to the app. */
function splitAtDashes(args: readonly string[]): { own: string[]; passthrough: string[] } {
  const at = args.indexOf('--')
  return at === -1
    ? { own: [...args], passthrough: [] }
    : { own: args.slice(0, at), passthrough: args.slice(at + 1) }
}

const PLAIN_FLAGS = new Set([
  '-s',
  '--silent',
  '-m',
  '--mini-list',
  '--no-color',
  '--json',
  '--reveal',
])

/** @returns undefined for whatever needs the whole program */
function hotCommand(cli: Cli, own: readonly string[]): (() => Promise<void>) | undefined {
  const words = own.filter((arg) => !PLAIN_FLAGS.has(arg))
  const [command, ...rest] = words
  if (rest.some((word) => word.startsWith('-'))) return undefined
  const json = own.includes('--json')
  const reveal = own.includes('--reveal')
  switch (command) {
    case '-v':
    case '-V':
    case '--version':
    case 'version':
      return rest.length > 0 ? undefined : () => Promise.resolve(cli.io.out(__LBM_VERSION__))
    case 'list':
    case 'ls':
    case 'l':
    case 'ps':
    case 'status':
      if (rest.length > 0 || reveal) return undefined
      return () => runList(cli, { json })
    case 'jlist':
      if (rest.length > 0 || json) return undefined
      return () => runJlist(cli, { reveal })
    case 'ping':
      if (rest.length > 0 || reveal) return undefined
      return () => runPing(cli, { json })
    case 'pid':
      if (rest.length > 1 || reveal) return undefined
      return () => runPid(cli, rest[0], { json })
    default:
      return undefined
  }
}
