/** A unit of systemd. */

import { EXIT_FOR_RESTART, INIT_ENV } from '../../contract/init.ts'
import type { Boot } from './boot.ts'

/** Without a sign of life for so long, the daemon is started anew; the apps go on meanwhile. */
const WATCHDOG_SECONDS = 60
/** Long enough for apps to drain and to be killed after that. */
const STOP_SECONDS = 120

export function systemdUnit(boot: Boot): string {
  const { user, isUserUnit, waitsForNetwork } = boot
  const network = waitsForNetwork ? 'network-online.target' : 'network.target'
  const variables = { PATH: boot.path, LBM_HOME: boot.lbmHome, [INIT_ENV]: 'systemd' }
  return `# Written by "lbm startup"; "lbm unstartup" takes it away.
[Unit]
Description=lbm process manager${isUserUnit ? '' : ` of ${user}`}
After=${network}${waitsForNetwork ? `\nWants=${network}` : ''}

[Service]
Type=notify
# The daemon cannot send to systemd's socket itself; systemd-notify does, as its child.
NotifyAccess=all
WatchdogSec=${WATCHDOG_SECONDS}
${isUserUnit ? '' : `User=${user}\n`}WorkingDirectory=${escape(boot.userHome)}
${Object.entries(variables)
  .map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`)
  .join('\n')}
ExecStart=${commandWord(boot.node)} ${commandWord(boot.daemon)}
# "lbm kill" is an end; "lbm upgrade" leaves with ${EXIT_FOR_RESTART} to be started anew.
Restart=on-failure
RestartForceExitStatus=${EXIT_FOR_RESTART}
RestartSec=200ms
# Apps do not depend on the daemon: its end, or a restart, is none of theirs. lbm itself stops them in order.
KillMode=process
TimeoutStopSec=${STOP_SECONDS}
# One app that eats all memory is restarted by lbm, and takes nobody with it.
OOMPolicy=continue
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=${isUserUnit ? 'default.target' : 'multi-user.target'}
`
}

/** In quotes, with a specifier's sign doubled. */
function quote(text: string): string {
  const inside = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return `"${inside.replaceAll('%', '%%')}"`
}

/** In a command, systemd would expand variables, too. */
function commandWord(text: string): string {
  return quote(text).replaceAll('$', '$$$$')
}

/** The value of a path setting, which takes no quotes. */
function escape(path: string): string {
  return path.replaceAll('%', '%%')
}
