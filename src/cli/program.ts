/** The whole command tree; loaded for whatever `run.ts` does not answer by itself. */

import { Command, CommanderError } from 'commander'

import { isAsPm2 } from '../client/as-pm2.ts'
import { LbmError } from '../contract/errors.ts'
import type { Cli } from './cli.ts'
import { addAliasPm2 } from './commands/alias-pm2.ts'
import { addApply } from './commands/apply.ts'
import { addAttach } from './commands/attach.ts'
import { addBalance } from './commands/balance.ts'
import { addCompletion } from './commands/completion.ts'
import { addDeploy } from './commands/deploy.ts'
import { addDescribe } from './commands/describe.ts'
import { addDev } from './commands/dev.ts'
import { addEnv } from './commands/env.ts'
import { addEvents } from './commands/events.ts'
import { addFlush } from './commands/flush.ts'
import { addId } from './commands/id.ts'
import { addImport } from './commands/import.ts'
import { addInit } from './commands/init.ts'
import { addJlist } from './commands/jlist.ts'
import { addKill } from './commands/kill.ts'
import { addList } from './commands/list.ts'
import { addLogs } from './commands/logs.ts'
import { addMonit } from './commands/monit.ts'
import { addPid } from './commands/pid.ts'
import { addPing } from './commands/ping.ts'
import { addPlan } from './commands/plan.ts'
import { addProxy } from './commands/proxy.ts'
import { addReload } from './commands/reload.ts'
import { addReport } from './commands/report.ts'
import { addReset } from './commands/reset.ts'
import { addRestart } from './commands/restart.ts'
import { addRun } from './commands/run.ts'
import { addRuntime } from './commands/runtime.ts'
import { addSave } from './commands/save.ts'
import { addScale } from './commands/scale.ts'
import { addSend } from './commands/send.ts'
import { addServe } from './commands/serve.ts'
import { addSettings } from './commands/settings.ts'
import { addSignal } from './commands/signal.ts'
import { addStart } from './commands/start.ts'
import { addStartup } from './commands/startup.ts'
import { addDelete, addStop } from './commands/stop.ts'
import { addUpgrade } from './commands/upgrade.ts'
import { addWait } from './commands/wait.ts'
import { addWhy } from './commands/why.ts'
import { notHere } from './not-here.ts'

type AddCommand = (program: Command, cli: Cli) => void

const OWN_GROUP = 'lbm itself:'

/** In the order in which the help lists them. */
const GROUPS: readonly [title: string, commands: readonly AddCommand[]][] = [
  [
    'Run apps:',
    [
      addStart,
      addStop,
      addRestart,
      addReload,
      addApply,
      addPlan,
      addWait,
      addScale,
      addDev,
      addRun,
      addServe,
      addDelete,
      addBalance,
      addProxy,
      addSignal,
      addSend,
      addAttach,
      addReset,
    ],
  ],
  [
    'Look:',
    [addList, addMonit, addDescribe, addWhy, addLogs, addEvents, addJlist, addEnv, addPid, addId],
  ],
  ['Logs and state:', [addFlush, addSave]],
  ['Deploy:', [addDeploy]],
  ['Move over from PM2:', [addImport, addAliasPm2]],
  [
    OWN_GROUP,
    [addPing, addKill, addUpgrade, addStartup, addInit, addSettings, addReport, addCompletion],
  ],
]

/**
 * @param wanted the command that was typed: those listed behind it need not be built. Words that name none, such as
 * `help`, build them all.
 */
export function createProgram(cli: Cli, wanted?: string): Command {
  const program = new Command('lbm')
    .description('Keeps programs running and balances connections between their instances.')
    .version(__LBM_VERSION__, '-v, --version', 'print the version')
    .option('-s, --silent', 'print nothing but errors and what was asked for as data')
    .option('-m, --mini-list', 'blocks of lines in place of tables')
    .option('--no-color', 'no colours (as NO_COLOR does)')
    .helpOption('-h, --help', 'show this, or the help of a command')
    .showSuggestionAfterError(true)
    .configureHelp({ subcommandTerm: termOf })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.io.write(text),
      // Errors are said once, in lbm's own words.
      writeErr: () => undefined,
      getOutHelpWidth: () => cli.io.columns ?? 100,
      getOutHasColors: () => cli.io.colour,
    })
  for (const [title, adders] of GROUPS) {
    program.commandsGroup(title)
    for (const add of adders) {
      add(program, cli)
      if (program.commands.some((command) => isCalled(command, wanted))) return finished(program)
    }
  }
  program.commandsGroup(OWN_GROUP)
  program
    .command('version')
    .description('print the version')
    .action(() => cli.io.out(__LBM_VERSION__))
  addRuntime(program, cli)
  program.addHelpCommand(
    program
      .createCommand('help')
      .argument('[command]')
      .description('show the help of a command')
      .helpGroup(OWN_GROUP),
  )
  program.addHelpText(
    'after',
    `
Examples:
  $ lbm start app.js -i max      one instance per CPU behind one port
  $ lbm list                     what runs
  $ lbm logs app                 what it prints
  $ lbm reload app               a new version, with no request lost
  $ lbm help start               all options of a command`,
  )
  return finished(program)
}

function isCalled(command: Command, word: string | undefined): boolean {
  return word !== undefined && (command.name() === word || command.aliases().includes(word))
}

function finished(program: Command): Command {
  for (const command of program.commands) command.configureHelp({ showGlobalOptions: true })
  return program
}

/** Options are many and stand in the help of each command. */
function termOf(command: Command): string {
  const name = [command.name(), ...command.aliases().slice(0, 1)]
    .filter((word) => word.length < 15)
    .join('|')
  const operands = command.registeredArguments.map((argument) => {
    const word = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${word}>` : `[${word}]`
  })
  return [name, ...operands].join(' ')
}

/** @throws LbmError USAGE for what commander does not understand */
export async function runProgram(cli: Cli, own: readonly string[]): Promise<number> {
  const program = createProgram(
    cli,
    own.find((word) => !word.startsWith('-')),
  )
  const unknown = own.find((word) => word.startsWith('-') && !GLOBAL_FLAGS.has(word))
  if (own.every((word) => word.startsWith('-') && !isHelp(word))) {
    if (unknown !== undefined) throw unknownOption(unknown)
    cli.io.write(program.helpInformation())
    return isAsPm2(cli.io.env) ? 1 : 2
  }
  try {
    await program.parseAsync(own, { from: 'user' })
    return cli.exitCode ?? 0
  } catch (error) {
    if (error instanceof CommanderError) return afterCommander(error)
    throw error
  }
}

const GLOBAL_FLAGS = new Set(['-s', '--silent', '-m', '--mini-list', '--no-color', '--ci'])

function unknownOption(word: string): LbmError {
  return new LbmError('USAGE', `There is no option "${word}" without a command.`, {
    hint: 'type "lbm --help"',
  })
}

function isHelp(word: string): boolean {
  return word === '-h' || word === '--help'
}

/** Help and version end by an "error", too. */
function afterCommander(error: CommanderError): number {
  if (error.exitCode === 0) return 0
  const [, command = ''] = /unknown command '([^']*)'/.exec(error.message) ?? []
  const missing = notHere(command)
  if (missing !== undefined) throw missing
  const [, message = error.message, suggestion] =
    /^(?:error: )?([^\n]*)(?:\n\((.*)\))?/.exec(error.message) ?? []
  throw new LbmError('USAGE', message.replace(/\.?$/, '.'), {
    hint: suggestion ?? hintFor(error),
  })
}

function hintFor({ code }: CommanderError): string {
  return code === 'commander.unknownOption'
    ? '"lbm help <command>" lists its options; arguments for the app go behind "--"'
    : 'type "lbm --help", or "lbm help <command>"'
}
