/** What holds where the user said nothing. docs/configuration.md has them, too. */

export const DEFAULTS = {
  killTimeoutMs: 10_000,
  listenTimeoutMs: 30_000,
  minUptimeMs: 1000,
  hangTimeoutMs: 15_000,
  reloadMinUptimeMs: 1000,
  drainIdleMs: 5000,
  drainTimeoutMs: 30_000,
  queueTimeoutMs: 30_000,
  hookTimeoutMs: 30_000,
  watchDelayMs: 200,
  proxyCheckIntervalMs: 1000,
  logMaxSizeBytes: 10_485_760,
  logMaxFiles: 10,
} as const

export function defined<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T }
}

/** `~/logs` is the user's home, as in a shell. */
export function expandHome(path: string, env: NodeJS.ProcessEnv): string {
  return path === '~' || path.startsWith('~/') ? `${env['HOME'] ?? '~'}${path.slice(1)}` : path
}
