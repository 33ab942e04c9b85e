/** What an app ran with when it ran well, to say after a death what is not so any more. Never holds a value of `env`. */

import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import type { AppSpec } from '../../../../src/contract/app.ts'

export interface Fingerprint {
  /** Short hashes of the definition's keys and of the environment's values, salted with `salt`. */
  salt: string
  keys: Record<string, string>
  env: Record<string, string>
  script: string
  scriptHash: string | undefined
  nodeVersion: string | undefined
  /** Of the nearest package.json. */
  packageVersion: string | undefined
  packageHash: string | undefined
  lockHash: string | undefined
  gitHead: string | undefined
}

/** What says nothing about the program, or is told more exactly elsewhere. */
const UNTOLD_KEYS = new Set([
  'env',
  'envSources',
  'raw',
  'source',
  'username',
  'version',
  'nodeVersion',
  'script',
])
/** A bigger file is judged by its size and time. */
const MAX_HASHED_BYTES = 8 * 1024 * 1024
const LOCK_FILES = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock']

export async function takeFingerprint(spec: AppSpec, salt: string): Promise<Fingerprint> {
  const { env, script } = spec
  const keys = Object.entries(spec).filter(([key]) => !UNTOLD_KEYS.has(key))
  const root = await nearestPackage(dirname(script))
  const manifest = root === undefined ? undefined : join(root, 'package.json')
  return {
    salt,
    keys: mapValues(Object.fromEntries(keys), (value) => shortHash(salt, JSON.stringify(value))),
    env: mapValues(env, (value) => shortHash(salt, value)),
    script,
    scriptHash: await hashOfFile(script),
    nodeVersion: spec.nodeVersion,
    packageVersion: manifest === undefined ? undefined : await versionIn(manifest),
    packageHash: manifest === undefined ? undefined : await hashOfFile(manifest),
    lockHash:
      root === undefined ? undefined : await firstHash(LOCK_FILES.map((name) => join(root, name))),
    gitHead: await gitHeadOf(dirname(script)),
  }
}

/** In the words of a user: `script app.js`, `node 20.20.2 → 22.1.0`, `env DATABASE_URL`. Both with the same salt. */
export function changesBetween(before: Fingerprint, now: Fingerprint): string[] {
  const changes: string[] = []
  const name = now.script.slice(now.script.lastIndexOf('/') + 1)
  if (before.script !== now.script) changes.push(`script ${before.script} → ${now.script}`)
  else if (now.scriptHash === undefined) changes.push(`script ${name} is gone`)
  else if (before.scriptHash !== now.scriptHash) changes.push(`script ${name}`)
  if (before.gitHead !== now.gitHead)
    changes.push(`git ${shortHead(before.gitHead)} → ${shortHead(now.gitHead)}`)
  if (before.packageVersion !== now.packageVersion)
    changes.push(`version ${before.packageVersion ?? 'none'} → ${now.packageVersion ?? 'none'}`)
  else if (before.packageHash !== now.packageHash) changes.push('package.json')
  if (before.lockHash !== now.lockHash) changes.push('lock file of the packages')
  if (before.nodeVersion !== now.nodeVersion)
    changes.push(`node ${before.nodeVersion ?? 'unknown'} → ${now.nodeVersion ?? 'unknown'}`)
  for (const key of changedKeys(before.keys, now.keys)) changes.push(asUsersWriteIt(key))
  for (const key of changedKeys(before.env, now.env)) changes.push(`env ${key}`)
  return changes
}

/** `killTimeoutMs` → `kill_timeout`. */
function asUsersWriteIt(key: string): string {
  if (key === 'maxMemoryBytes') return 'max_memory_restart'
  return key.replace(/(Ms|Bytes)$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function changedKeys(before: Record<string, string>, now: Record<string, string>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names].filter((key) => before[key] !== now[key])
}

function shortHead(head: string | undefined): string {
  return head?.slice(0, 7) ?? 'none'
}

function mapValues<T>(
  record: Record<string, T>,
  map: (value: T) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}

/** Short, so that nobody finds a secret by trying: too many values have the same. */
function shortHash(salt: string, text: string): string {
  return hashOf(Buffer.from(salt + text)).slice(-6)
}

/** A file that has not been touched is not read again: lock files are long, and each instance asks. */
const hashes = new Map<string, { stamp: string; hash: string }>()
const MAX_REMEMBERED = 100

async function hashOfFile(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs } = await stat(path)
    const stamp = `${size}:${mtimeMs}`
    if (size > MAX_HASHED_BYTES) return stamp
    const known = hashes.get(path)
    if (known?.stamp === stamp) return known.hash
    const hash = hashOf(await readFile(path))
    if (hashes.size >= MAX_REMEMBERED) hashes.clear()
    hashes.set(path, { stamp, hash })
    return hash
  } catch {
    return undefined // not there, or not to be read
  }
}

/** cyrb53: enough to see that a file is another one, and a hundredth of what loading node:crypto takes. */
function hashOf(bytes: Uint8Array): string {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  // By index: an iterator would leave an object for each byte.
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    high = Math.imul(high ^ byte, 2654435761)
    low = Math.imul(low ^ byte, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
}

async function firstHash(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const hash = await hashOfFile(path)
    if (hash !== undefined) return hash
  }
  return undefined
}

async function nearestPackage(folder: string): Promise<string | undefined> {
  for (const candidate of upwards(folder)) {
    if (await isThere(join(candidate, 'package.json'))) return candidate
  }
  return undefined
}

async function versionIn(manifest: string): Promise<string | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(manifest, 'utf8'))
    const isNamed = typeof parsed === 'object' && parsed !== null && 'version' in parsed
    return isNamed && typeof parsed.version === 'string' ? parsed.version : undefined
  } catch {
    return undefined // a broken manifest is the hash's to tell
  }
}

/** Without git: a deployment may have none, and a process would cost more than the answer is worth. */
async function gitHeadOf(folder: string): Promise<string | undefined> {
  for (const candidate of upwards(folder)) {
    const dot = join(candidate, '.git')
    const pointer = (await textOf(dot))?.match(/^gitdir: (.+)$/m)?.[1]
    const gitFolder = pointer === undefined ? dot : resolve(candidate, pointer)
    const head = (await textOf(join(gitFolder, 'HEAD')))?.trim()
    if (head === undefined) continue
    const ref = head.match(/^ref: (.+)$/)?.[1]
    return ref === undefined ? head : commitOf(gitFolder, ref)
  }
  return undefined
}

async function commitOf(gitFolder: string, ref: string): Promise<string | undefined> {
  const common = (await textOf(join(gitFolder, 'commondir')))?.trim()
  for (const folder of [gitFolder, ...(common === undefined ? [] : [resolve(gitFolder, common)])]) {
    const loose = await textOf(join(folder, ref))
    if (loose !== undefined) return loose.trim()
    const packed = (await textOf(join(folder, 'packed-refs')))?.split('\n')
    const line = packed?.find((entry) => entry.endsWith(` ${ref}`))
    if (line !== undefined) return line.split(' ')[0]
  }
  return undefined
}

function* upwards(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield at
    if (at === dirname(at)) return
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined // not there, or a folder
  }
}
