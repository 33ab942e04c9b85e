/** What an app is called. */

import { basename, extname } from 'node:path'

import type { CheckedApp } from './schema.ts'

export function appName(
  app: Pick<CheckedApp, 'name' | 'script' | 'append_env_to_name' | 'name_prefix'>,
  environmentName: string | undefined,
): string {
  const base = app.name ?? defaultName(app.script ?? '')
  const named =
    app.append_env_to_name === true && environmentName !== undefined
      ? `${base}-${environmentName}`
      : base
  return app.name_prefix === undefined ? named : `${app.name_prefix}:${named}`
}

/** PM2's: the last part of the path (of a command line, too) without its last extension. */
function defaultName(script: string): string {
  const last = basename(script)
  const name = last.slice(0, last.length - extname(last).length)
  return name === '' ? last : name
}
