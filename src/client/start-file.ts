/** The apps of an ecosystem file: what is missing is started, what is there gets the new definition. */

import { setMaxListeners } from 'node:events'
import { resolve } from 'node:path'

import { loadConfigFile } from '../config/load.ts'
import { readApps } from '../config/read-apps.ts'
import type { AppSpec } from '../contract/app.ts'
import { isDaemonDown } from './call.ts'
import { type ActionOutcome, failureOfActions } from './failures.ts'
import { inOrderOfNeed } from './in-order-of-need.ts'
import type { AskOptions, Wire } from './wire.ts'

export interface StartFileOptions extends AskOptions {
  /** false: resolve after the spawn. Default: when every instance is ready. */
  wait?: boolean
  /** Adds what `env_<name>` holds. */
  environment?: string
  /** Names of the apps that are wanted. */
  only?: readonly string[]
  /** What becomes of an app that is there already. Default: `restart`, as PM2 does. */
  existing?: 'restart' | 'reload'
  /** Refuse unknown keys. */
  strict?: boolean
}

interface Place {
  cwd: string
  env: NodeJS.ProcessEnv
}

/** @throws LbmError CONFIG_INVALID, or what an app's script lacks */
export async function startFile(
  wire: Wire,
  file: string,
  options: StartFileOptions & Place,
): Promise<ActionOutcome[]> {
  const value = await loadConfigFile(resolve(options.cwd, file))
  return await startConfig(wire, value, file, options)
}

/** @param value what such a file holds @param file what errors call it */
export async function startConfig(
  wire: Wire,
  value: unknown,
  file: string,
  options: StartFileOptions & Place,
): Promise<ActionOutcome[]> {
  const { cwd, env, environment, only, strict } = options
  const { specs } = readApps(value, { file, cwd, env, environmentName: environment, only, strict })
  return await startSpecs(wire, specs, options)
}

export async function startSpecs(
  wire: Wire,
  specs: readonly AppSpec[],
  options: Pick<StartFileOptions, 'existing' | 'wait' | keyof AskOptions>,
): Promise<ActionOutcome[]> {
  const { existing = 'restart', wait = true } = options
  const asked = askedBy(options)
  const known = await knownNames(wire)
  const isMissing = ({ name, raw }: AppSpec): boolean => !known.has(name) || raw['force'] === true
  const missing = specs.filter(isMissing)
  const started = await inOrderOfNeed<ActionOutcome>(
    missing,
    async (spec) => {
      const params = { spec, force: known.has(spec.name), wait }
      const { restarted: _, ...outcome } = await wire.askStarting('app.start', params, asked)
      return { outcome, isUp: failureOfActions([outcome]) === undefined }
    },
    // The failure of what it needs is what the caller hears of.
    () => undefined,
  )
  const present = specs.filter((spec) => !isMissing(spec))
  if (present.length === 0) return started
  const change = { selectors: present.map(({ name }) => name), specs: present }
  const { apps } =
    existing === 'restart'
      ? await wire.ask('app.restart', { ...change, wait, rolling: false }, asked)
      : await wire.ask('app.reload', { ...change, supersede: false, rollback: false }, asked)
  return [...started, ...apps]
}

/** What the caller gave, for any number of requests at once: each listens to the signal. */
function askedBy({ signal, timeoutMs }: AskOptions): AskOptions {
  const own = signal && AbortSignal.any([signal])
  if (own !== undefined) setMaxListeners(0, own)
  return { ...(own && { signal: own }), ...(timeoutMs !== undefined && { timeoutMs }) }
}

async function knownNames({ ask }: Wire): Promise<Set<string>> {
  try {
    return new Set((await ask('app.list', {})).instances.map(({ name }) => name))
  } catch (error) {
    if (isDaemonDown(error)) return new Set()
    throw error
  }
}
