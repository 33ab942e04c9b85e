import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

import type { Command } from 'commander'

import { findUser } from '../../config/accounts.ts'
import { findInPath } from '../../config/programs.ts'
import { didYouMean, LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { sayFor } from '../output/say.ts'
import type { Boot } from '../startup/boot.ts'
import {
  findPlatform,
  type Installation,
  installation,
  type Platform,
  platformOf,
  PLATFORMS,
} from '../startup/platforms.ts'

interface StartupOptions {
  user?: string
  hp?: string
  serviceName?: string
  waitIp?: boolean
  userUnit?: boolean
  print?: boolean
  root?: string
}

const run = promisify(execFile)

export function addStartup(program: Command, cli: Cli): void {
  const add = (name: 'startup' | 'unstartup', description: string): Command =>
    program
      .command(name)
      .argument('[platform]', `${PLATFORMS.join(', ')}; found by itself when left out`)
      .description(description)
      .option('-u, --user <name>', 'whose apps (default: the one who types this)')
      .option('--hp <folder>', "that user's home; .lbm is below it")
      .option('--service-name <name>', 'name of the service (default: lbm-<user>)')
      .option('--user-unit', "systemd: in the user's own manager, without root")
      .option(
        '--root <folder>',
        'the files of another system, such as an image that is being built',
      )
  add('startup', 'have the apps started at boot')
    .option('--wait-ip', 'wait until the network is up')
    .option('--print', 'print what would be installed, and install nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ sudo lbm startup                  for root's apps
  $ lbm startup                       prints the sudo line for yours
  $ lbm startup --user-unit           for yours, without root; with "loginctl enable-linger" also before you log in
  $ lbm startup systemd --print`,
    )
    .action((platform: string | undefined, options: StartupOptions) =>
      runStartup(cli, platform, options),
    )
  add('unstartup', 'have them started no more').action(
    (platform: string | undefined, options: StartupOptions) => runUnstartup(cli, platform, options),
  )
}

async function runStartup(
  cli: Cli,
  word: string | undefined,
  options: StartupOptions,
): Promise<void> {
  const { platform, boot, plan } = planOf(cli, word, options)
  if (options.print) {
    cli.io.write(plan.text)
    return
  }
  const say = await sayFor(cli)
  refuseWithoutRoot(cli, 'startup', platform, boot, plan)
  say.info(`Platform ${platform}`)
  try {
    mkdirSync(dirname(plan.file), { recursive: true })
    writeFileSync(plan.file, plan.text, { mode: plan.mode })
  } catch (cause) {
    throw new LbmError(
      'OPERATION_FAILED',
      `${plan.file} cannot be written: ${(cause as Error).message}.`,
      { cause },
    )
  }
  say.info(`${plan.file} written`)
  for (const command of plan.install) await carryOut(say.info, command)
  say.info('The apps that run when the machine goes down run again when it comes up.')
  if (boot.isUserUnit)
    say.info(`Before anybody logs in, too, after: loginctl enable-linger ${boot.user}`)
  say.info('To undo it: lbm unstartup')
}

async function runUnstartup(
  cli: Cli,
  word: string | undefined,
  options: StartupOptions,
): Promise<void> {
  const { platform, boot, plan } = planOf(cli, word, options)
  refuseWithoutRoot(cli, 'unstartup', platform, boot, plan)
  const say = await sayFor(cli)
  if (!existsSync(plan.file)) {
    throw new LbmError('NOTHING_TO_DO', `There is no ${plan.file}.`, {
      hint: 'lbm startup installs it; --service-name names another',
    })
  }
  for (const command of plan.remove) await carryOut(say.info, command)
  rmSync(plan.file)
  say.info(`${plan.file} removed; what runs goes on`)
}

function planOf(
  cli: Cli,
  word: string | undefined,
  options: StartupOptions,
): { platform: Platform; boot: Boot; plan: Installation } {
  const platform = choosePlatform(cli, word)
  const boot = bootOf(cli, platform, options)
  const root = options.root === undefined ? '' : resolve(currentFolder(), options.root)
  return { platform, boot, plan: installation(platform, boot, root) }
}

/** @throws LbmError USAGE for a word that is none, UNSUPPORTED where there is none */
function choosePlatform(cli: Cli, word: string | undefined): Platform {
  if (word !== undefined) {
    const platform = platformOf(word)
    if (platform !== undefined) return platform
    throw new LbmError('USAGE', `There is no service manager "${word}" that lbm knows.`, {
      hint: didYouMean(word, PLATFORMS),
    })
  }
  const path = `${cli.io.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  const found = findPlatform((name) => findInPath(name, path, '/') !== undefined)
  if (found !== undefined) return found
  throw new LbmError('UNSUPPORTED', 'Neither systemd, OpenRC nor launchd is here.', {
    hint: 'have your init run "lbm resurrect" as the user whose apps they are; in a container use lbm-runtime',
  })
}

function bootOf(cli: Cli, platform: Platform, options: StartupOptions): Boot {
  const { env } = cli.io
  const self = userInfo()
  const user = options.user ?? self.username
  const isOther = options.user !== undefined && options.user !== self.username
  if (!/^[A-Za-z_][\w.-]*\$?$/.test(user))
    throw new LbmError('USAGE', `"${user}" is no name of a user.`)
  const userHome = options.hp ?? (isOther ? homeOfUser(user, options) : homedir())
  const ownHome = isOther || options.hp !== undefined ? undefined : env['LBM_HOME']
  const isUserUnit = options.userUnit === true && platform === 'systemd'
  const usual = isUserUnit ? 'lbm' : platform === 'launchd' ? `lbm.${user}` : `lbm-${user}`
  const service = options.serviceName ?? usual
  if (!/^[\w@.:-]+$/.test(service))
    throw new LbmError('USAGE', `"${service}" is no name for a service.`)
  return {
    user,
    userHome,
    lbmHome: ownHome === undefined ? join(userHome, '.lbm') : resolve(ownHome),
    node: process.execPath,
    daemon: join(__dirname, 'daemon.cjs'),
    path: env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    service,
    waitsForNetwork: options.waitIp === true,
    isUserUnit,
  }
}

/** Users of another system's files are not known here. */
function homeOfUser(user: string, { root }: StartupOptions): string {
  const known = root === undefined ? findUser(user).home : undefined
  return known ?? `/home/${user}`
}

/** PM2's way: the line to copy, and exit 1. @throws LbmError OPERATION_FAILED */
function refuseWithoutRoot(
  cli: Cli,
  command: string,
  platform: Platform,
  { user, userHome, path, service }: Boot,
  { needsRoot }: Installation,
): void {
  if (!needsRoot || process.getuid?.() === 0) return
  const lbm = join(__dirname, '../bin/lbm.js')
  const line = `sudo env PATH=${path} ${process.execPath} ${lbm} ${command} ${platform} -u ${user} --hp ${userHome} --service-name ${service}`
  cli.io.out(line)
  throw new LbmError('OPERATION_FAILED', 'Only root may do this; copy the line above.', {
    hint: platform === 'systemd' ? 'or "lbm startup --user-unit", which needs no root' : undefined,
  })
}

async function carryOut(tell: (text: string) => void, command: string[]): Promise<void> {
  const [file = '', ...args] = command
  tell(command.join(' '))
  try {
    await run(file, args)
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string }
    const words = stderr?.trim() ?? ''
    throw new LbmError(
      'OPERATION_FAILED',
      `"${command.join(' ')}" failed: ${words === '' ? message : words}`,
      { cause },
    )
  }
}
