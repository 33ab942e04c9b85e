/** What a static server is told, by PM2's variables. */

import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

export interface ServeSettings {
  root: string
  port: number
  host: string
  /** Unknown paths are answered with the home page. */
  isSpa: boolean
  /** Folders are listed. */
  lists: boolean
  homepage: string
  login: { username: string; password: string } | undefined
}

const DEFAULT_PORT = 8080
const MAX_PORT = 65_535

/** @throws Error with a sentence for the user */
export function serveSettings(env: NodeJS.ProcessEnv, cwd: string): ServeSettings {
  const root = resolve(cwd, env['PM2_SERVE_PATH'] ?? '.')
  if (!existsSync(root) || !statSync(root).isDirectory())
    throw new Error(`there is no folder ${root} to serve`)
  const given = env['PM2_SERVE_PORT'] ?? env['PORT']
  const port = given === undefined || given === '' ? DEFAULT_PORT : Number(given)
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT)
    throw new Error(`the port must be a number up to ${MAX_PORT}, and is "${given}"`)
  return {
    root,
    port,
    host: env['PM2_SERVE_HOST'] ?? '0.0.0.0',
    isSpa: isOn(env['PM2_SERVE_SPA']),
    lists: isOn(env['PM2_SERVE_FTP'] ?? env['PM2_SERVE_DIRECTORY']),
    homepage: (env['PM2_SERVE_HOMEPAGE'] ?? '/index.html').replace(/^(?!\/)/, '/'),
    login: loginOf(env),
  }
}

function isOn(value: string | undefined): boolean {
  return value === 'true' || value === '1'
}

/** @throws Error rather than serving to everybody what was to be protected */
function loginOf(env: NodeJS.ProcessEnv): ServeSettings['login'] {
  const username = env['PM2_SERVE_BASIC_AUTH_USERNAME'] ?? ''
  const password = env['PM2_SERVE_BASIC_AUTH_PASSWORD'] ?? ''
  const isAsked = isOn(env['PM2_SERVE_BASIC_AUTH']) || username !== '' || password !== ''
  if (!isAsked) return undefined
  if (username === '' || password === '')
    throw new Error('basic auth needs both a username and a password')
  return { username, password }
}
