/** The one schema of ecosystem files: it checks them, and the types that editors show come from the same table. */

import type { AppKeys } from './app-keys.ts'
import type { InputOf, OutputOf } from './kinds.ts'

/** An app as a user writes it. `env_<name>` holds what `--env <name>` adds. */
export type AppDefinition = { [K in keyof AppKeys]?: InputOf<AppKeys[K]> } & {
  [environment: `env_${string}`]: Record<string, unknown> | string | string[] | undefined
}

/** An app after the check: durations in milliseconds, sizes in bytes, lists as lists. */
export type CheckedApp = { [K in keyof AppKeys]?: OutputOf<AppKeys[K]> } & {
  /** `env_<name>` by name. */
  environments: Record<string, Record<string, string>>
}

/** An ecosystem file. */
export interface Config {
  apps: AppDefinition | AppDefinition[]
  /** Static servers, as PM2 has them: `[{ path: 'public', port: 8080, spa: true }]`. */
  static?: Record<string, unknown> | Record<string, unknown>[]
  /** PM2's `deploy` section, by environment. */
  deploy?: Record<string, unknown>
}

/** Gives an editor the keys: `module.exports = defineConfig({ apps: [{ script: 'app.js' }] })`. */
export function defineConfig(config: Config): Config {
  return config
}
