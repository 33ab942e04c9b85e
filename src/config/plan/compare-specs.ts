/** What differs between the definition that runs and the one that is wanted, key by key. Pure. */

import type { AppSpec } from '../../contract/app.ts'
import { unreadNames, withoutValues } from '../../contract/env-references.ts'
import { type Effect, HOOK_KEYS, LOG_KEYS, SPEC_KEYS, WATCH_KEYS } from './spec-keys.ts'

export interface Side {
  /** As the user wrote it, or as a file would say it; undefined: there is none. */
  value: unknown
  /** `file`, `command line`, `default`, `package.json`, `link`; of a variable what `envSources` says. */
  source: string
}

export interface KeyChange {
  /** `kill_timeout`, `env.PORT`. */
  key: string
  from: Side
  to: Side
  effect: Exclude<Effect, 'none'>
}

interface Part {
  key: string
  effect: Effect
  value: unknown
}

/** In the order of the definition; the count of instances is not among them. */
export function compareSpecs(before: AppSpec, after: AppSpec): KeyChange[] {
  const changes: KeyChange[] = []
  const old = partsOf(before)
  // What the daemon has not read again since a boot is no difference.
  const wanted = partsOf(withoutValues(after, unreadNames(before)))
  const isWatched = before.watch !== undefined && after.watch !== undefined
  for (const place of new Set([...old.keys(), ...wanted.keys()])) {
    const [a, b] = [old.get(place), wanted.get(place)]
    const { key, effect } = b ?? a ?? { key: place, effect: 'none' }
    if (effect === 'none' || isSame(a?.value, b?.value)) continue
    // How it is to be watched says nothing where it was not.
    if (place.startsWith('watch.') && key !== 'watch' && !isWatched) continue
    // `script` and what follows from it are one key to the user.
    if (changes.some((change) => change.key === key)) continue
    const showsRaw = !isSame(before.raw[key], after.raw[key])
    changes.push({
      key,
      effect: key === 'balance' ? balanceEffect(before, after) : effect,
      from: sideOf(before, key, asWritten(place, a?.value), showsRaw),
      to: sideOf(after, key, asWritten(place, b?.value), showsRaw),
    })
  }
  return changes
}

/** Every comparable part of a definition by a name of its own, in the same order for each. */
function partsOf(spec: AppSpec): Map<string, Part> {
  const parts = new Map<string, Part>()
  const add = (place: string, key: string, effect: Effect, value: unknown): void =>
    void parts.set(place, { key, effect, value })
  for (const [name, { key, effect }] of Object.entries(SPEC_KEYS))
    add(name, key, effect, spec[name as keyof typeof SPEC_KEYS])
  add('source', 'file', 'in-place', spec.source?.file)
  add('job', 'type', 'process', spec.job === undefined ? 'service' : 'job')
  add('job.overlap', 'overlap', 'in-place', spec.job?.overlap)
  add('balance', 'balance', 'in-place', spec.balance)
  for (const [name, key] of Object.entries(LOG_KEYS))
    add(`logs.${name}`, key, 'process', spec.logs[name as keyof typeof LOG_KEYS])
  for (const [name, key] of Object.entries(WATCH_KEYS))
    add(`watch.${name}`, key, 'in-place', spec.watch?.[name as keyof typeof WATCH_KEYS])
  for (const [name, key] of Object.entries(HOOK_KEYS))
    add(`hooks.${name}`, key, 'process', spec.hooks[name as keyof typeof HOOK_KEYS])
  for (const [name, value] of Object.entries(spec.env))
    add(`env.${name}`, `env.${name}`, 'process', value)
  return parts
}
/** The agent is told of the PROXY protocol at its start. */
function balanceEffect(before: AppSpec, after: AppSpec): 'process' | 'in-place' {
  return before.balance.proxyProtocol === after.balance.proxyProtocol ? 'in-place' : 'process'
}

function sideOf(spec: AppSpec, key: string, value: unknown, showsRaw: boolean): Side {
  const name = key.startsWith('env.') ? key.slice('env.'.length) : undefined
  if (name !== undefined) return { value, source: spec.envSources[name] ?? 'none' }
  const isWritten = Object.hasOwn(spec.raw, key) || (key === 'file' && value !== undefined)
  return {
    value: showsRaw && Object.hasOwn(spec.raw, key) ? spec.raw[key] : value,
    source: isWritten ? (spec.source === undefined ? 'command line' : 'file') : unwritten(key),
  }
}

/** Where it comes from when no key says it. */
function unwritten(key: string): string {
  if (key === 'file') return 'command line'
  if (key === 'version') return 'package.json'
  if (key === 'release') return 'link'
  return 'default'
}

const TIMES: readonly [unit: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]
const SIZES: readonly [unit: string, bytes: number][] = [
  ['G', 1024 ** 3],
  ['M', 1024 ** 2],
  ['K', 1024],
]

/** `10000` of `killTimeoutMs` is `10s`. */
function asWritten(place: string, value: unknown): unknown {
  if (typeof value !== 'number' || value === 0) return value
  const units = place.endsWith('Ms') ? TIMES : place.endsWith('Bytes') ? SIZES : []
  const fits = units.find(([, size]) => value % size === 0)
  return fits === undefined ? value : `${value / fits[1]}${fits[0]}`
}

function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

/** The order of keys says nothing: a definition that was stored has another one than one that was just read. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
