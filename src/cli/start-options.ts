/** Options that describe an app, for `start`, `restart` and `reload`. */

import type { Command } from 'commander'

import { BALANCE_POLICIES } from '../contract/app.ts'

export interface AppOptions {
  name?: string
  instances?: string
  type?: string
  overlap?: string
  namespace?: string
  executeCommand?: boolean
  sourceMapSupport?: boolean
  interpreter?: string
  interpreterArgs?: string
  nodeArgs?: string
  cwd?: string
  output?: string
  error?: string
  log?: string | true
  mergeLogs?: boolean
  logType?: string
  logDateFormat?: string
  time?: boolean
  disableLogs?: boolean
  pid?: string
  filterEnv?: (string | true)[]
  envFile?: string[]
  maxMemoryRestart?: string
  restartDelay?: string
  expBackoffRestartDelay?: string
  maxRestarts?: string
  minUptime?: string
  killTimeout?: string
  killSignal?: string
  listenTimeout?: string
  waitReady?: boolean
  shutdownWithMessage?: boolean
  cron?: string
  cronRestart?: string
  cronTimezone?: string
  watch?: (string | true)[] | false
  ignoreWatch?: string[]
  watchDelay?: string
  ext?: string
  stopExitCodes?: string[]
  restart?: string
  autorestart: boolean
  autostart: boolean
  treekill: boolean
  uid?: string
  gid?: string
  user?: string
  balance?: string
  stickyCookie?: string
  stickyHeader?: string
  stickyQuery?: string
  readiness?: string
  maxSurge?: string
  spare?: string
  slots?: string | true
}

export const collectValues = (value: string, before: string[] = []): string[] => [...before, value]

export function addAppOptions(command: Command): Command {
  command
    .optionsGroup('What runs:')
    .option('-n, --name <name>', 'name in lists and commands (default: the name of the script)')
    .option(
      '-i, --instances <n>',
      'instances: a number, max (or 0) for one per usable CPU, -1 for one less; a Node program runs as a cluster',
    )
    .option('--type <type>', 'job: runs to its end and is not started again (default: service)')
    .option('--namespace <name>', 'group of apps that commands can name together')
    .option('-x, --execute-command', 'fork mode, whatever is started')
    .option(
      '--interpreter <program>',
      'program that runs the script; none for a script that is a program itself',
    )
    .option('--interpreter-args <args>', 'arguments before the script')
    .option('--node-args <args>', 'the same, under the name it has for Node')
    .option('--source-map-support', 'stack traces in terms of the sources (Node)')
    .option('--cwd <folder>', 'working directory; the script and log files are relative to it')
    .option(
      '--filter-env [name]',
      'keep variables whose names contain this from the app; all without a name',
      collectValues,
    )
    .option(
      '--env-file <file>',
      'file of variables, as for node --env-file (repeatable)',
      collectValues,
    )
    .option('-u, --user <name>', 'user to run as (root only)')
    .option('--uid <user>', 'the same, by number')
    .option('--gid <group>', 'group to run as (root only)')
  command
    .optionsGroup('Ready and balanced:')
    .option('--wait-ready', "ready once the app calls process.send('ready')")
    .option('--listen-timeout <time>', 'time to become ready, 5000 or 5s (default: 30s)')
    .option('--readiness <path>', 'HTTP path that must answer before an instance gets requests')
    .option('--balance <policy>', `how connections are given out: ${BALANCE_POLICIES.join(', ')}`)
    .option('--sticky-cookie <name>', 'sticky: by this cookie')
    .option('--sticky-header <name>', 'sticky: by this header')
    .option('--sticky-query <name>', 'sticky: by this part of the query')
    .option('--max-surge <n>', 'new instances that a reload starts at once')
    .option(
      '--spare <n>',
      'preloaded processes that wait to take the place of an instance that dies (cluster mode)',
    )
    .option(
      '--slots [base]',
      'a stable address an instance for a proxy in front: ports from this one on, or a folder of sockets',
    )
  command
    .optionsGroup('When it ends:')
    .option('--no-autorestart', 'leave it ended')
    .option('--restart <policy>', 'always, on-failure or never')
    .option('--max-restarts <n>', 'quick deaths in a row until it is given up')
    .option('--min-uptime <time>', 'a shorter run is a quick death')
    .option('--restart-delay <time>', 'fixed time until the restart')
    .option('--exp-backoff-restart-delay <time>', 'first of growing times until the restart')
    .option(
      '--stop-exit-codes <codes>',
      'exit codes after which it is left ended (repeatable, or with commas)',
      collectValues,
    )
    .option('-k, --kill-timeout <time>', 'time between the stop signal and SIGKILL (default: 10s)')
    .option('--kill-signal <signal>', 'the stop signal (default: SIGINT)')
    .option('--shutdown-with-message', "send the message 'shutdown' in place of the stop signal")
    .option('--no-treekill', 'signal the main process only')
    .option(
      '--max-memory-restart <size>',
      'replace an instance that takes this much memory, such as 200M',
    )
    .option('-c, --cron <pattern>', 'restart by cron pattern, or run a job; 0 for no more')
    .option('--cron-restart <pattern>', 'the same')
    .option(
      '--cron-timezone <zone>',
      "its time zone, such as Europe/Berlin (default: the system's)",
    )
    .option('--overlap <policy>', 'job: when its time comes while it runs: skip, queue or kill')
    .option('--no-autostart', 'only register it')
  command
    .optionsGroup('When files change:')
    .option(
      '--watch [path]',
      'restart when files change, below the working directory or this path (repeatable)',
      collectValues,
    )
    .option('--no-watch', 'watch no more')
    .option(
      '--ignore-watch <patterns>',
      'paths or globs not to watch (repeatable, or with spaces)',
      collectValues,
    )
    .option('--watch-delay <time>', 'quiet time before the restart: 4 (seconds) or 4000ms')
    .option('--ext <extensions>', 'only files with these extensions, such as js,json')
  command
    .optionsGroup('Output:')
    .option('-o, --output <file>', 'file for standard output; /dev/null for none')
    .option('-e, --error <file>', 'file for standard error; /dev/null for none')
    .option('-l, --log [file]', 'one more file for both')
    .option('--merge-logs', 'instances write to the same files')
    .option('--time', 'put the time before each line')
    .option('--log-date-format <format>', 'date before each line, such as "YYYY-MM-DD HH:mm:ss"')
    .option('--log-type <type>', 'json: one JSON record a line')
    .option('--disable-logs', 'keep no output')
    .option('-p, --pid <file>', 'file for the pid')
  return command.optionsGroup('Options:')
}

/** Accepted because PM2's users type them; they change nothing here. */
export function addIgnoredOptions(command: Command): Command {
  const flags = [
    '--no-vizion',
    '--no-pmx',
    '--no-automation',
    '--disable-source-map-support',
    '--trace',
    '--disable-trace',
    '--v8',
    '--event-loop-inspector',
    '--deep-monitoring',
    '-w, --write',
    '--parallel <n>',
  ]
  for (const flag of flags) command.addOption(command.createOption(flag).hideHelp())
  return command
}
