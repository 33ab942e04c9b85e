/** Static servers as apps: `script: "serve"`, and PM2's top-level `static: [...]`. */

import { join } from 'node:path'

import { LbmError } from '../contract/errors.ts'
import { isRecord } from './kinds.ts'
import { canonicalKey } from './pm2-keys.ts'
import { showValue } from './problems.ts'

/** The word in place of a script. */
const SERVE = 'serve'
const DEFAULT_PORT = 8080

export interface StaticServer {
  name?: string | undefined
  path?: string | undefined
  port?: number | string | undefined
  host?: string | undefined
  spa?: boolean | undefined
  ftp?: boolean | undefined
  homepage?: string | undefined
  basicAuth?: { username: string; password: string } | undefined
}

/** The program, beside the bundle that this is part of. */
export function serveProgram(): string {
  return join(__dirname, 'serve.cjs')
}

/** A static server as the definition of an app. */
export function serverDefinition(server: StaticServer): Record<string, unknown> {
  const { name, path = '.', port = DEFAULT_PORT, host, spa, ftp, homepage, basicAuth } = server
  const given = {
    PM2_SERVE_PATH: path,
    PM2_SERVE_PORT: String(port),
    PM2_SERVE_HOST: host,
    PM2_SERVE_SPA: flag(spa),
    PM2_SERVE_FTP: flag(ftp),
    PM2_SERVE_HOMEPAGE: homepage,
    PM2_SERVE_BASIC_AUTH: flag(basicAuth === undefined ? undefined : true),
    PM2_SERVE_BASIC_AUTH_USERNAME: basicAuth?.username,
    PM2_SERVE_BASIC_AUTH_PASSWORD: basicAuth?.password,
  }
  const env = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { name: name ?? defaultName(port), script: serveProgram(), env }
}

function flag(value: boolean | undefined): string | undefined {
  return value === true ? 'true' : undefined
}

function defaultName(port: unknown): string {
  return `static-page-server-${String(port)}`
}

/** What stands for `{ script: "serve" }`; any other definition is returned as it is. */
export function withServeProgram(definition: Record<string, unknown>): Record<string, unknown> {
  const key = Object.keys(definition).find((one) => canonicalKey(one) === 'script')
  if (key === undefined || definition[key] !== SERVE) return definition
  const env = isRecord(definition['env']) ? definition['env'] : {}
  const name = definition['name'] ?? defaultName(env['PM2_SERVE_PORT'] ?? DEFAULT_PORT)
  return { ...definition, [key]: serveProgram(), name }
}

/** Top-level `static` of an ecosystem file. @throws LbmError CONFIG_INVALID */
export function staticServers(value: unknown, file: string): Record<string, unknown>[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.map((item, index) => {
    const place = `${file}: static[${index}]`
    if (!isRecord(item))
      throw wrong(place, 'an object such as { path: "public", port: 8080 }', item)
    const { name, path, port, host, spa, ftp, directory, homepage, basic_auth: auth } = item
    return serverDefinition({
      name: textAt(`${place}.name`, name),
      path: textAt(`${place}.path`, path),
      port: portAt(`${place}.port`, port),
      host: textAt(`${place}.host`, host),
      spa: flagAt(`${place}.spa`, spa),
      ftp: flagAt(`${place}.ftp`, ftp ?? directory),
      homepage: textAt(`${place}.homepage`, homepage),
      basicAuth: loginAt(`${place}.basic_auth`, auth),
    })
  })
}

function textAt(place: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw wrong(place, 'a text', value)
}

function portAt(place: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  const port = Number(value)
  if (
    typeof value !== 'boolean' &&
    value !== '' &&
    Number.isInteger(port) &&
    port >= 0 &&
    port < 65_536
  )
    return port
  throw wrong(place, 'a port', value)
}

function flagAt(place: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw wrong(place, 'true or false', value)
}

function loginAt(place: string, value: unknown): StaticServer['basicAuth'] {
  if (value === undefined) return undefined
  if (isRecord(value)) {
    const username = textAt(`${place}.username`, value['username'])
    const password = textAt(`${place}.password`, value['password'])
    if (username !== undefined && password !== undefined) return { username, password }
  }
  // Not with the value: it may hold half of a password.
  throw new LbmError('CONFIG_INVALID', `${place}: expected { username, password }`)
}

function wrong(place: string, expected: string, value: unknown): LbmError {
  return new LbmError('CONFIG_INVALID', `${place}: expected ${expected}, got ${showValue(value)}`)
}
