/** `start`, `stop`, `restart`, `reload`, `delete`, `scale`. */

import { isConfigFileName } from '../../config/config-file-name.ts'
import { loadConfigFile } from '../../config/load.ts'
import type { AppDefinition } from '../../config/schema.ts'
import { isLbmError } from '../../contract/errors.ts'
import { type ActionOutcome, failureOfActions } from '../failures.ts'
import { startConfig } from '../start-file.ts'
import {
  asking,
  type Context,
  findDetails,
  findProcesses,
  resolveSelector,
  type Selector,
} from './context.ts'
import {
  descriptorOf,
  type ProcessDescriptor,
  type StartedProcess,
  startedProcess,
} from './descriptors.ts'
import { notFound, pm2Error } from './pm2-error.ts'

/** An app, several, or what an ecosystem file holds. */
export type Startable = AppDefinition | readonly AppDefinition[] | { apps: unknown }

export type ActionOptions = Record<string, unknown>

export interface Actions {
  start(
    what: string | Startable,
    options?: ActionOptions,
  ): Promise<(StartedProcess | ProcessDescriptor)[]>
  stop(selector: Selector, options?: ActionOptions): Promise<ProcessDescriptor[]>
  restart(selector: Selector, options?: ActionOptions): Promise<ProcessDescriptor[]>
  reload(selector: Selector, options?: ActionOptions): Promise<ProcessDescriptor[]>
  delete(selector: Selector, options?: ActionOptions): Promise<ProcessDescriptor[]>
  scale(name: string, count: number | string): Promise<{ success: true }>
  describe(apps: string[]): Promise<ProcessDescriptor[]>
}

export function createActions(context: Context): Actions {
  const { client, env } = context

  async function start(
    what: string | Startable,
    options: ActionOptions = {},
  ): Promise<(StartedProcess | ProcessDescriptor)[]> {
    if (typeof what !== 'string') return await startAll(what, 'the definition', options)
    if (what.endsWith('.json') || isConfigFileName(what))
      return await startAll(await loadConfigFile(what), what, options)
    const isName = !/[/.\s]/.test(what) && (await findDetails(context, [what])).length > 0
    if (isName) return await restart(what, options)
    return await startScript(what, options)
  }

  async function startScript(script: string, options: ActionOptions): Promise<StartedProcess[]> {
    const { scriptArgs, ...keys } = options
    const definition = {
      ...keys,
      script,
      ...(scriptArgs === undefined ? {} : { args: scriptArgs }),
    }
    try {
      const { app } = await client.start(definition as AppDefinition, {
        force: options['force'] === true,
      })
      return (await findProcesses(context, [app])).map(startedProcess)
    } catch (error) {
      if (isLbmError(error) && error.code === 'APP_EXISTS')
        throw pm2Error('Script already launched', error)
      throw error
    }
  }

  async function startAll(
    what: unknown,
    file: string,
    options: ActionOptions,
  ): Promise<(StartedProcess | ProcessDescriptor)[]> {
    const before = new Set((await findProcesses(context, ['all'])).map(({ pm_id }) => pm_id))
    const environment = textOf(options['env'])
    const only = textOf(options['only'])
    const apps = await startConfig(context.wire, what, file, {
      cwd: context.cwd,
      env,
      ...(environment === undefined ? {} : { environment }),
      ...(only === undefined ? {} : { only: only.split(/[\s,]+/) }),
    })
    refuse(apps)
    const processes = await findProcesses(
      context,
      apps.map(({ app }) => app),
    )
    return processes.map((process) =>
      before.has(process.pm_id) ? descriptorOf(process) : startedProcess(process),
    )
  }

  /** @param shown when the processes are looked at for the answer */
  async function act(
    given: Selector,
    shown: 'before' | 'after',
    work: (selectors: string[]) => Promise<unknown>,
  ): Promise<ProcessDescriptor[]> {
    const selectors = await resolveSelector(context, given)
    const [first = 'all'] = selectors
    const before = await findProcesses(context, selectors)
    if (before.length === 0) throw notFound(first)
    await asking(first, () => work(selectors))
    if (shown === 'before') {
      return before.map(descriptorOf).map((one) => ({
        ...one,
        status: 'stopped',
        pm2_env: { ...one.pm2_env, status: 'stopped' },
      }))
    }
    return await describe(selectors)
  }

  async function describe(apps: string[]): Promise<ProcessDescriptor[]> {
    return (await findProcesses(context, apps)).map(descriptorOf)
  }

  async function restart(
    given: Selector,
    options: ActionOptions = {},
  ): Promise<ProcessDescriptor[]> {
    if (isDefinition(given)) return await changeAll(given, 'restart', options)
    return await act(given, 'after', (apps) => client.restart(apps, environmentOf(options)))
  }

  async function changeAll(
    given: Selector,
    existing: 'restart' | 'reload',
    options: ActionOptions,
  ): Promise<ProcessDescriptor[]> {
    const isFile = typeof given === 'string'
    const value = isFile ? await loadConfigFile(given) : given
    const environment = textOf(options['env'])
    const apps = await startConfig(context.wire, value, isFile ? given : 'the definition', {
      cwd: context.cwd,
      env,
      existing,
      ...(environment === undefined ? {} : { environment }),
    })
    refuse(apps)
    return await describe(apps.map(({ app }) => app))
  }

  /** `updateEnv: true`, as the command line has it. */
  function environmentOf({ updateEnv }: ActionOptions): { env?: Record<string, string> } {
    if (updateEnv !== true) return {}
    const given = Object.entries(env).filter(([, value]) => value !== undefined)
    return { env: Object.fromEntries(given) as Record<string, string> }
  }

  return {
    start,
    restart,
    reload: (given, options = {}) =>
      isDefinition(given)
        ? changeAll(given, 'reload', options)
        : act(given, 'after', (apps) => client.reload(apps, environmentOf(options))),
    stop: (given) => act(given, 'after', (apps) => client.stop(apps)),
    describe,
    delete: (given) => act(given, 'before', (apps) => client.delete(apps)),
    async scale(name, count) {
      try {
        await client.scale(name, count)
        return { success: true }
      } catch (error) {
        if (isLbmError(error) && error.code === 'APP_NOT_FOUND')
          throw pm2Error('App not found', error)
        if (isLbmError(error) && error.code === 'NOTHING_TO_DO')
          throw pm2Error('Same process number', error)
        throw error
      }
    },
  }
}

function isDefinition(given: Selector): boolean {
  return typeof given === 'object' || (typeof given === 'string' && isConfigFileName(given))
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function refuse(apps: readonly ActionOutcome[]): void {
  const failure = failureOfActions(apps)
  if (failure !== undefined) throw failure
}
