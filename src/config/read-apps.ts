/** From what a file holds to whole definitions, or all that is wrong with it at once. */

import { resolve } from 'node:path'

import type { AppSpec } from '../contract/app.ts'
import { isLbmError, LbmError } from '../contract/errors.ts'
import { appName } from './app-name.ts'
import { buildSpec } from './app-spec.ts'
import { checkApp, type CheckResult } from './check-app.ts'
import { findApps } from './config-shape.ts'
import { dependencyProblems } from './dependency-problems.ts'
import { canonicalKey } from './pm2-keys.ts'
import { type Problem, sentenceOf } from './problems.ts'

export interface ReadContext {
  /** As the user knows it. */
  file: string
  /** Where the command was typed: PM2 takes relative paths from there, not from the file's folder. */
  cwd: string
  env: NodeJS.ProcessEnv
  environmentName?: string | undefined
  /** Names of the apps that are wanted. */
  only?: readonly string[] | undefined
  strict?: boolean | undefined
  /** Keys given on the command line: they win over the file. */
  overrides?: Record<string, unknown> | undefined
  cpus?: (() => number) | undefined
}

export interface ReadResult {
  specs: AppSpec[]
  /** Of all its apps, wanted or not, without what `append_env_to_name` appends. */
  names: string[]
  warnings: string[]
}

/**
 * Names only: what `stop` and `delete` need, whatever has become of the scripts.
 * @throws LbmError CONFIG_INVALID when there is no app, USAGE when `only` matches nothing
 */
export function readNames(
  value: unknown,
  { file, only, environmentName }: Pick<ReadContext, 'file' | 'only' | 'environmentName'>,
): string[] {
  const names = findApps(value, file).map(({ definition }) =>
    appName(checkApp(definition, (key) => key).app, environmentName),
  )
  return wanted(names, only, file)
}

/** The file's name where there is none. */
export const STDIN = 'stdin'

interface Candidate {
  checked: CheckResult
  place: string
  index: number
}

/** @throws LbmError CONFIG_INVALID with every problem, USAGE when `only` matches nothing, or what an app's script lacks */
export function readApps(value: unknown, context: ReadContext): ReadResult {
  const { file, only, strict = false } = context
  const candidates = findApps(value, file).map(({ definition, place }, index): Candidate => {
    const name = typeof definition['name'] === 'string' ? ` (${definition['name']})` : ''
    const where = place === '' ? `${file}: ` : `${file}: ${place}${name}.`
    const checked = checkApp(
      overridden(definition, context.overrides ?? {}),
      (key) => `${where}${key}`,
    )
    if (checked.raw['script'] === undefined && checked.problems.length === 0) {
      checked.problems.push({ place: `${where}script`, message: 'is missing: what is to be run?' })
    }
    return { checked, place: `${file}: ${place}${name}`, index }
  })
  const problems = candidates.flatMap(({ checked }) => [
    ...checked.problems,
    ...(strict ? checked.unknown : []),
  ])
  refuse(problems)

  const specs: AppSpec[] = []
  const warnings: string[] = strict
    ? []
    : candidates.flatMap(({ checked }) => checked.unknown.map(sentenceOf))
  const failures: LbmError[] = []
  for (const candidate of candidates) {
    try {
      const built = buildOne(candidate, context)
      specs.push(built.spec)
      warnings.push(...built.warnings.map((warning) => `${candidate.place}: ${warning}`))
    } catch (error) {
      if (!isLbmError(error)) throw error
      if (isWanted(candidate.checked.app.name, only)) failures.push(placed(error, candidate))
    }
  }
  refuse([...doubleNames(specs, file), ...dependencyProblems(specs, file)])
  const [firstFailure] = failures
  if (firstFailure !== undefined) throw joined(failures, firstFailure)
  const names = wanted(
    specs.map(({ name }) => name),
    only,
    file,
  )
  return {
    specs: specs.filter(({ name }) => names.includes(name)),
    names: candidates.map(({ checked }) => appName(checked.app, undefined)),
    warnings: [...warnings, ...environmentWarnings(candidates, context)],
  }
}

function overridden(
  definition: Record<string, unknown>,
  overrides: Record<string, unknown>,
): Record<string, unknown> {
  const kept = Object.entries(definition).filter(([key]) => {
    const canonical = canonicalKey(key)
    return canonical === undefined || !Object.hasOwn(overrides, canonical)
  })
  return { ...Object.fromEntries(kept), ...overrides }
}

function buildOne(
  { checked, index }: Candidate,
  context: ReadContext,
): ReturnType<typeof buildSpec> {
  const { file, cwd, env, environmentName, cpus } = context
  return buildSpec(checked.app, {
    cwd,
    env,
    environmentName,
    cpus,
    source: { file: sourceOf(file, cwd), index },
    raw: checked.raw,
  })
}

/** What definitions keep of the file: it must be found again, wherever the next command is typed. */
export function sourceOf(file: string, cwd: string): string {
  return file === STDIN ? file : resolve(cwd, file)
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new LbmError('CONFIG_INVALID', problems.map(sentenceOf).join('\n'))
}

function placed(error: LbmError, { place }: Candidate): LbmError {
  return new LbmError(error.code, `${place}: ${error.message}`, {
    hint: error.hint,
    subject: error.subject,
    cause: error,
  })
}

function joined(failures: readonly LbmError[], first: LbmError): LbmError {
  if (failures.length === 1) return first
  return new LbmError(first.code, failures.map(({ message }) => message).join('\n'), {
    hint: first.hint,
    subject: first.subject,
  })
}

function doubleNames(specs: readonly AppSpec[], file: string): Problem[] {
  const names = specs.map(({ name }) => name)
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  return [...twice].map((name) => {
    const places = names.flatMap((one, i) => (one === name ? [`apps[${i}]`] : []))
    return {
      place: file,
      message: `two apps are called "${name}" (${places.join(', ')}); give one another name`,
    }
  })
}

function isWanted(name: string | undefined, only: readonly string[] | undefined): boolean {
  return only === undefined || name === undefined || only.includes(name)
}

function wanted(
  names: readonly string[],
  only: readonly string[] | undefined,
  file: string,
): string[] {
  const chosen = names.filter((name) => isWanted(name, only))
  if (chosen.length > 0) return chosen
  throw new LbmError('USAGE', `--only ${only?.join(',')}: ${file} has no such app.`, {
    hint: `it has: ${names.join(', ')}`,
  })
}

function environmentWarnings(
  candidates: readonly Candidate[],
  { environmentName, file }: ReadContext,
): string[] {
  if (environmentName === undefined) return []
  const isDefined = candidates.some(
    ({ checked }) => checked.app.environments[environmentName] !== undefined,
  )
  return isDefined
    ? []
    : [`Environment [${environmentName}] is not defined in process file ${file}`]
}
