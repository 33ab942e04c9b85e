/** What the balance policy `reuseport` needs. */

import { LbmError } from './errors.ts'

/** Since 22.12 and 23.1 of Node. */
function knowsReusePort(nodeVersion: string): boolean {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

/** @returns why `reuseport` cannot be had, and what can; undefined when it can */
export function reusePortProblem(
  nodeVersion: string | undefined,
  platform: string,
): LbmError | undefined {
  const hint =
    'Use "balance": "kernel": the instances accept from one shared socket, on every system and version.'
  if (platform !== 'linux') {
    return new LbmError(
      'UNSUPPORTED',
      `balance: "reuseport" works on Linux only, this is ${platform}.`,
      { hint },
    )
  }
  if (nodeVersion === undefined || knowsReusePort(nodeVersion)) return undefined
  return new LbmError(
    'UNSUPPORTED',
    `balance: "reuseport" needs Node 22.12 or later, the app runs on ${nodeVersion}.`,
    { hint },
  )
}
