/** Commands that PM2 has and lbm means not to have: whoever types one is told so, not that it was mistyped. */

import { LbmError } from '../contract/errors.ts'

const SERVICE = "it belongs to PM2's paid service"
const MODULES = 'lbm has no modules; what log rotation and metrics need is built in'
const GIT = 'lbm does not move your checkout; "lbm deploy" brings a commit to hosts'
const INNARDS = 'it looks into PM2 itself; "lbm report" and "lbm why" tell about lbm and its apps'

const WHY: Record<string, string> = {
  ...Object.fromEntries(
    ['plus', 'register', 'login', 'logout', 'link', 'unlink', 'open', 'monitor', 'unmonitor'].map(
      (name) => [name, SERVICE],
    ),
  ),
  ...Object.fromEntries(
    ['install', 'uninstall', 'module:update', 'module:generate', 'package', 'publish'].map(
      (name) => [name, MODULES],
    ),
  ),
  ...Object.fromEntries(['pull', 'forward', 'backward'].map((name) => [name, GIT])),
  ...Object.fromEntries(
    ['inspect', 'profile:cpu', 'profile:mem', 'slist', 'sysinfos', 'deepUpdate'].map((name) => [
      name,
      INNARDS,
    ]),
  ),
  imonit: 'the dashboard is "lbm monit"',
  create: 'write an ecosystem file to begin with: lbm init',
  examples: 'lbm help <command> has examples',
  autoinstall: 'lbm start <script>',
  logrotate: 'lbm rotates logs by itself; for a logrotate of your own: lbm reloadLogs',
}

export function notHere(command: string): LbmError | undefined {
  const hint = Object.hasOwn(WHY, command) ? WHY[command] : undefined
  return hint === undefined
    ? undefined
    : new LbmError('UNSUPPORTED', `"${command}" is a command of PM2 that lbm does not have.`, {
        hint,
      })
}
