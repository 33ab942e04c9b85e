/** The `deploy` section of an ecosystem file, by environment: PM2's keys, and lbm's own. */

import { didYouMean, LbmError } from '../contract/errors.ts'
import { isRecord } from './kinds.ts'
import { showValue } from './problems.ts'

export interface DeployHost {
  /** As ssh takes it; `localhost` is done without ssh. */
  host: string
  user: string | undefined
  port: number | undefined
}

const HOOKS = ['pre-setup', 'post-setup', 'pre-deploy-local', 'pre-deploy', 'post-deploy'] as const
export type Hook = (typeof HOOKS)[number]

export interface DeployTarget {
  /** The environment's name. */
  name: string
  hosts: DeployHost[]
  repo: string
  path: string
  ref: string
  /** `fetch: "fast"`: only the last commits. */
  isFast: boolean
  key: string | undefined
  forwardsAgent: boolean
  needsTty: boolean
  sshOptions: string[]
  /** Exported before post-deploy. */
  env: Record<string, string>
  hooks: Partial<Record<Hook, string>>
  /** How many release folders are kept; 0: one folder that is reset, as PM2 does it. */
  releases: number
  revertsOnFailure: boolean
}

const KEYS = [
  ...['user', 'host', 'port', 'repo', 'path', 'ref', 'fetch', 'key', 'forward-agent'],
  ...['needs_tty', 'ssh_options', 'env', 'releases', 'revert_on_failure', 'node', ...HOOKS],
]

/** @throws LbmError CONFIG_INVALID with every problem, or when there is no such environment */
export function deployTarget(config: unknown, name: string, file: string): DeployTarget {
  const environments = environmentsOf(config, file)
  const section = environments[name]
  if (!isRecord(section)) {
    throw new LbmError('CONFIG_INVALID', `${file}: deploy has no environment "${name}".`, {
      hint: didYouMean(name, Object.keys(environments)),
    })
  }
  const problems: string[] = []
  const place = `${file}: deploy.${name}`
  const reader = readerOf(section, place, problems)
  const target: DeployTarget = {
    name,
    hosts: hostsOf(section, place, problems),
    repo: reader.needed('repo'),
    path: reader.needed('path'),
    ref: reader.needed('ref'),
    isFast: reader.text('fetch') === 'fast',
    key: reader.text('key'),
    forwardsAgent: reader.flag('forward-agent'),
    needsTty: reader.flag('needs_tty'),
    sshOptions: sshOptionsOf(section, place, problems),
    env: envOf(section, place, problems),
    hooks: Object.fromEntries(
      HOOKS.map((hook) => [hook, reader.text(hook)]).filter(([, command]) => command !== undefined),
    ) as DeployTarget['hooks'],
    releases: reader.count('releases'),
    revertsOnFailure: reader.flag('revert_on_failure'),
  }
  for (const key of Object.keys(section)) {
    if (!KEYS.includes(key) && !KEYS.includes(key.replaceAll('_', '-'))) {
      const hint = didYouMean(key, KEYS)
      problems.push(`${place}.${key}: there is no such key${hint === undefined ? '' : `. ${hint}`}`)
    }
  }
  if (problems.length > 0) throw new LbmError('CONFIG_INVALID', problems.join('\n'))
  return target
}

/** `{ deploy: { production: … } }`, or the environments alone. */
function environmentsOf(config: unknown, file: string): Record<string, unknown> {
  const section = isRecord(config) ? (config['deploy'] ?? config) : undefined
  const isSection =
    isRecord(section) &&
    Object.values(section).some((one) => isRecord(one) && ('repo' in one || 'host' in one))
  if (isSection) return section
  throw new LbmError('CONFIG_INVALID', `${file} has no deploy section.`, {
    hint: '"lbm init" writes a file with one',
  })
}

interface Reader {
  text(key: string): string | undefined
  needed(key: string): string
  flag(key: string): boolean
  count(key: string): number
}

function readerOf(section: Record<string, unknown>, place: string, problems: string[]): Reader {
  const valueOf = (key: string): unknown => section[key] ?? section[key.replaceAll('-', '_')]
  const wrong = (key: string, expected: string): void => {
    problems.push(`${place}.${key}: expected ${expected}, got ${showValue(valueOf(key))}`)
  }
  const text = (key: string): string | undefined => {
    const value = valueOf(key)
    if (value === undefined || value === '') return undefined
    if (typeof value === 'string' && !value.includes('\0')) return value
    wrong(key, 'a text')
    return undefined
  }
  return {
    text,
    needed(key) {
      const value = text(key)
      if (value === undefined) {
        if (valueOf(key) === undefined) problems.push(`${place}.${key} is missing`)
        return ''
      }
      // Programs would take it for an option.
      if (value.startsWith('-')) wrong(key, 'no "-" at its beginning')
      return value
    },
    flag(key) {
      const value = valueOf(key)
      if (value === undefined || typeof value === 'boolean') return value === true
      if (value === 'true' || value === 'false') return value === 'true'
      wrong(key, 'true or false')
      return false
    },
    count(key) {
      const value = valueOf(key)
      if (value === undefined) return 0
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
      wrong(key, 'a whole number')
      return 0
    },
  }
}

function hostsOf(
  section: Record<string, unknown>,
  place: string,
  problems: string[],
): DeployHost[] {
  const given = section['host']
  const list: unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given]
  if (list.length === 0) problems.push(`${place}.host is missing`)
  return list.map((item, index) => {
    const where = Array.isArray(given) ? `${place}.host[${index}]` : `${place}.host`
    const own = isRecord(item) ? item : { host: item }
    const user = own['user'] ?? section['user']
    const port = own['port'] ?? section['port']
    if (typeof own['host'] !== 'string' || !isName(own['host']))
      problems.push(`${where}: expected the name of a host, got ${showValue(own['host'])}`)
    if (user !== undefined && (typeof user !== 'string' || !isName(user)))
      problems.push(`${place}.user: expected the name of a user, got ${showValue(user)}`)
    const number = port === undefined ? undefined : Number(port)
    if (number !== undefined && !(Number.isInteger(number) && number > 0 && number < 65_536))
      problems.push(`${place}.port: expected a port, got ${showValue(port)}`)
    return {
      host: own['host'] as string,
      user: user as string | undefined,
      port: number,
    }
  })
}

/** Nothing that ssh would take for an option or for two words. */
function isName(value: string): boolean {
  return /^[^\s\0-][^\s\0]*$/.test(value)
}

function sshOptionsOf(
  section: Record<string, unknown>,
  place: string,
  problems: string[],
): string[] {
  const given = section['ssh_options'] ?? section['ssh-options'] ?? []
  const list: unknown[] = Array.isArray(given) ? given : [given]
  if (list.every((one) => typeof one === 'string')) return list
  problems.push(`${place}.ssh_options: expected texts such as "StrictHostKeyChecking=no"`)
  return []
}

/** Names in capitals, as PM2 has them. */
function envOf(
  section: Record<string, unknown>,
  place: string,
  problems: string[],
): Record<string, string> {
  const given = section['env']
  if (given === undefined) return {}
  if (!isRecord(given)) {
    problems.push(`${place}.env: expected an object, got ${showValue(given)}`)
    return {}
  }
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!/^[A-Za-z_]\w*$/.test(name))
      problems.push(`${place}.env: "${name}" is no name of a variable`)
    else env[name.toUpperCase()] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return env
}
