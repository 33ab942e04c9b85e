/** A script of OpenRC, whose supervise-daemon keeps the daemon. */

import { INIT_ENV } from '../../contract/init.ts'
import { shellQuote } from '../deploy/shell-quote.ts'
import type { Boot } from './boot.ts'

export function openrcScript(boot: Boot): string {
  const { user, service, node, daemon, waitsForNetwork } = boot
  return `#!/sbin/openrc-run
# Written by "lbm startup"; "lbm unstartup" takes it away.

name=${shellQuote(service)}
description=${shellQuote(`lbm process manager of ${user}`)}
supervisor=supervise-daemon
command=${shellQuote(node)}
command_args=${shellQuote(shellQuote(daemon))}
command_user=${shellQuote(user)}
directory=${shellQuote(boot.userHome)}
respawn_delay=1
# Apps are stopped by lbm, each in its own way.
retry="TERM/120/KILL/5"

export PATH=${shellQuote(boot.path)}
export LBM_HOME=${shellQuote(boot.lbmHome)}
export ${INIT_ENV}=openrc

depend() {
  ${waitsForNetwork ? 'need' : 'use'} net
  after firewall
}
`
}
