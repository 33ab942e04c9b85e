/** The environment of an app: whose value wins, and where each came from. */

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'

import type { EnvReference, EnvReferences } from '../contract/app.ts'
import { expandReferences } from '../contract/env-references.ts'
import { LbmError } from '../contract/errors.ts'
import { maskValue } from '../contract/mask.ts'
import { isOwnMark } from './own-marks.ts'
import type { CheckedApp } from './schema.ts'

export interface Environment {
  env: Record<string, string>
  /** `shell`, `env`, `env_production`, `env_file:.env`, `port`. */
  sources: Record<string, string>
  references: EnvReferences
  /** References to what is not set. */
  warnings: string[]
}

export interface EnvironmentRequest {
  app: CheckedApp
  /** The calling shell's. */
  shell: NodeJS.ProcessEnv
  /** Folder that `env_file` is relative to. */
  cwd: string
  /** `--env`. */
  environmentName?: string | undefined
}

const FILE_SOURCE = 'env_file:'

interface Layer {
  source: string
  values: Record<string, string>
  /** Values of the shell are taken as they are. */
  expands: boolean
}

/** Later layers win: shell, env_file, env, port, env_<name>. @throws LbmError CONFIG_INVALID for a missing env_file */
export function buildEnvironment({
  app,
  shell,
  cwd,
  environmentName,
}: EnvironmentRequest): Environment {
  const named = environmentName === undefined ? undefined : app.environments[environmentName]
  const layers: Layer[] = [
    { source: 'shell', values: shellValues(shell, app.filter_env ?? false), expands: false },
    ...(app.env_file ?? []).map((file) => ({
      source: `${FILE_SOURCE}${file}`,
      values: readEnvFile(resolve(cwd, file)),
      expands: false,
    })),
    { source: 'env', values: app.env ?? {}, expands: true },
    ...(app.port === undefined
      ? []
      : [{ source: 'port', values: { PORT: String(app.port) }, expands: false }]),
    ...(named === undefined
      ? []
      : [{ source: `env_${environmentName}`, values: named, expands: true }]),
  ]
  const missing = new Set<string>()
  const env: Record<string, string> = {}
  const sources: Record<string, string> = {}
  const references: EnvReferences = {
    files: (app.env_file ?? []).map((file) => resolve(cwd, file)),
    values: {},
  }
  for (const name of new Set(layers.flatMap(({ values }) => Object.keys(values)))) {
    const top = layers.findLastIndex(({ values }) => Object.hasOwn(values, name))
    const layer = layers[top]
    const taken = new Set<string>()
    const value = lookUp({ layers, missing, shell: taken }, name, top, new Set()) ?? ''
    env[name] = value
    sources[name] = layer?.source ?? 'shell'
    const reference = layer && referenceOf(layer, name, value, taken)
    if (reference !== undefined) references.values[name] = reference
  }
  const warnings = [...missing].map((name) => `\${${name}} is not set; it stands for nothing`)
  return { env, sources, references, warnings }
}

function shellValues(
  shell: NodeJS.ProcessEnv,
  filter: boolean | string | string[],
): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(shell)) {
    if (value !== undefined && !isOwnMark(name) && !isFiltered(name, filter)) kept[name] = value
  }
  return kept
}

/** Whether `filter_env` keeps a variable of the shell from the app. */
export function isFiltered(name: string, filter: boolean | string | string[]): boolean {
  if (typeof filter === 'boolean') return filter
  return typeof filter === 'string' ? name === filter : filter.some((part) => name.includes(part))
}

/** Node's own reader, so that the rules are those of `node --env-file`. */
function readEnvFile(file: string): Record<string, string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new LbmError(
      'CONFIG_INVALID',
      `env_file: ${file} cannot be read: ${(cause as Error).message}.`,
      { cause },
    )
  }
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(parseEnv(text))) {
    if (value !== undefined) values[name] = value
  }
  return values
}

interface Lookup {
  layers: readonly Layer[]
  missing: Set<string>
  /** Of the shell's, those that were taken. */
  shell: Set<string>
}

/** A value that names itself (`PATH: "./bin:${PATH}"`), straight or around a corner, means the layer below. */
function lookUp(
  lookup: Lookup,
  name: string,
  top: number,
  open: ReadonlySet<string>,
): string | undefined {
  const { layers, missing, shell } = lookup
  const at = layers.findLastIndex(({ values }, i) => i <= top && Object.hasOwn(values, name))
  const layer = layers[at]
  if (layer === undefined) return undefined
  if (layer.source === 'shell') shell.add(name)
  const value = layer.values[name] ?? ''
  if (!layer.expands) return value
  const within = new Set(open).add(name)
  const find = (other: string): string | undefined =>
    lookUp(lookup, other, within.has(other) ? at - 1 : layers.length - 1, within)
  return expandReferences(value, find, missing)
}

/** What a file gave is read again from there; of the rest, what looks secret and was not written out. */
function referenceOf(
  { source, values, expands }: Layer,
  name: string,
  value: string,
  shell: ReadonlySet<string>,
): EnvReference | undefined {
  const isOfFile = source.startsWith(FILE_SOURCE)
  const written = expands ? (values[name] ?? '') : undefined
  if (written === value || source === 'port') return undefined
  if (!isOfFile && maskValue(name, value) === value) return undefined
  return { template: written ?? `\${${name}}`, shell: [...shell] }
}
