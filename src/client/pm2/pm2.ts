/** The API of PM2 on lbm: a program that says `require('pm2')` may say `require('lbm/pm2')`. */

import { spawnSync } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { join } from 'node:path'

import { splitWords } from '../../config/split-words.ts'
import { LbmError } from '../../contract/errors.ts'
import { createClient, homeOf } from '../client.ts'
import { type Connection, connect } from '../connect.ts'
import { settingKey, settingPairs } from '../setting-key.ts'
import { wireByCall } from '../wire.ts'
import { createActions } from './actions.ts'
import { type Bus, launchBus } from './bus.ts'
import { asking, type Context, findProcesses, resolveSelector, type Selector } from './context.ts'
import { method } from './method.ts'
import type { ConnectionFacts, LaunchBus, Pm2, Pm2Options, Success } from './pm2-api.ts'
import { pm2Error } from './pm2-error.ts'
import { createTalk } from './talk.ts'

const SUCCESS: Success = { success: true }

export function createPm2(options: Pm2Options = {}): Pm2 {
  const { env } = process
  const clientOptions = {
    ...(options.pm2_home === undefined ? {} : { home: options.pm2_home }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  }
  const home: Context['home'] = () => homeOf(clientOptions)
  const client = createClient(clientOptions)
  const context: Context = {
    client,
    home,
    env,
    wire: wireByCall({ home, env }),
    cwd: options.cwd ?? process.cwd(),
  }
  const actions = createActions(context)
  const talk = createTalk(context)
  let connection: Connection | undefined
  const buses = new Set<Bus>()

  /** @param noDaemon the daemon that this starts ends with the program */
  async function open(noDaemon = false): Promise<ConnectionFacts> {
    const isNew = await client.ping().then(
      () => false,
      () => true,
    )
    connection ??= await connect(clientOptions)
    if (noDaemon && isNew) process.once('exit', killAtOnce)
    const { root, socket } = home()
    return {
      new_pm2_instance: isNew,
      rpc_socket_file: socket,
      pub_socket_file: socket,
      pm2_home: root,
    }
  }

  /** Nothing asynchronous happens any more in a process that exits. */
  function killAtOnce(): void {
    const cli = join(__dirname, 'cli.cjs')
    const LBM_HOME = home().root
    spawnSync(process.execPath, [cli, 'kill'], { env: { ...env, LBM_HOME }, stdio: 'ignore' })
  }

  function disconnect(callback?: () => void): void {
    connection?.[Symbol.dispose]()
    connection = undefined
    for (const bus of buses) bus.close()
    buses.clear()
    if (callback !== undefined) process.nextTick(callback)
  }

  async function kill(): Promise<Success> {
    try {
      await client.kill()
    } catch (error) {
      if (!(error instanceof LbmError) || error.code !== 'DAEMON_UNREACHABLE') throw error
    }
    return SUCCESS
  }

  async function openBus(): Promise<{ bus: Bus; socket: EventEmitter }> {
    const describe = (selectors: string[]): ReturnType<typeof client.describe> =>
      client.describe(selectors)
    // PM2 starts its daemon for whoever asks for anything.
    await context.wire.askStarting('daemon.ping', {})
    const launched = await launchBus({ home: home(), describe })
    buses.add(launched.bus)
    return launched
  }

  /** For each that is there; of none, no answer. */
  async function selected<T>(given: Selector, work: (apps: string[]) => Promise<T>): Promise<T> {
    const apps = await resolveSelector(context, given)
    return await asking(apps[0] ?? 'all', () => work(apps))
  }

  return {
    get pm2_home() {
      return home().root
    },
    cwd: context.cwd,
    custom: CustomPm2,
    connect: method(open),
    disconnect,
    close: disconnect,
    ...actionMethods(),
    list: method(() => findProcesses(context, ['all'])),
    describe: method((what) => findProcesses(context, [String(what)])),
    getPID: method(async (name) => {
      const found = await findProcesses(context, [name ?? 'all'])
      return found.map(({ pid }) => pid)
    }),
    env: method(async (id) => {
      const [found] = await findProcesses(context, [String(id)])
      if (found === undefined) throw pm2Error(`Modules with id ${id} not found`)
      return found.pm2_env['env'] as Record<string, string>
    }),
    reset: method(async (what) => {
      await selected(what, (apps) => client.reset(apps))
      return SUCCESS
    }),
    launchBus: launchBusMethod(openBus),
    sendDataToProcessId: method(talk.sendDataToProcessId),
    sendSignalToProcessName: method(talk.sendSignalToProcessName),
    sendSignalToProcessId: method(talk.sendSignalToProcessId),
    sendLineToStdin: method(talk.sendLineToStdin),
    trigger: method(talk.trigger),
    flush: method((what = 'all') => selected(what, (apps) => client.flush(apps))),
    reloadLogs: method(() => client.reopenLogs()),
    dump: method(async (force = false) => {
      await context.wire.askStarting('state.save', { force })
      return SUCCESS
    }),
    clearDump: method(async () => {
      await client.clearSaved()
      return SUCCESS
    }),
    resurrect: method(async () => {
      const revived = await client.resurrect()
      const apps = revived.map(({ app }) => app)
      return apps.length === 0 ? [] : await actions.describe(apps)
    }),
    killDaemon: method(kill),
    kill: method(kill),
    ping: method(async () => {
      await context.wire.askStarting('daemon.ping', {})
      return { msg: 'pong' }
    }),
    getVersion: method(async () => (await context.wire.askStarting('daemon.ping', {})).version),
    ...settingMethods(),
  }

  function actionMethods(): Pick<
    Pm2,
    'start' | 'stop' | 'restart' | 'reload' | 'gracefulReload' | 'delete' | 'scale'
  > {
    const reload: Pm2['reload'] = method(actions.reload)
    return {
      start: method(actions.start),
      stop: method(actions.stop),
      restart: method(actions.restart),
      reload,
      gracefulReload: reload,
      delete: method(actions.delete),
      scale: method(actions.scale),
    }
  }

  function settingMethods(): Pick<Pm2, 'set' | 'multiset' | 'get' | 'unset'> {
    const change = async (changes: Record<string, string | null>): Promise<Success> => {
      await client.changeSettings(changes)
      return SUCCESS
    }
    return {
      set: method((key, value) => change({ [settingKey(key)]: String(value) })),
      multiset: method(async (text) => {
        const pairs = settingPairs(splitWords(text))
        if (pairs === undefined) throw pm2Error('a value is missing')
        return await change(pairs)
      }),
      get: method(async (key) => {
        const settings = await client.settings()
        if (key === undefined) return settings
        const value = settings[settingKey(key)]
        if (value === undefined) throw pm2Error(`there is no setting ${key}`)
        return value
      }),
      unset: method((key) => change({ [settingKey(key)]: null })),
    }
  }
}

/** `new pm2.custom({ pm2_home })`. A constructor may return what it likes. */
const CustomPm2 = function (options?: Pm2Options): Pm2 {
  return createPm2(options)
} as unknown as Pm2['custom']

function launchBusMethod(open: () => Promise<{ bus: Bus; socket: EventEmitter }>): LaunchBus {
  const launch = (callback?: (...results: unknown[]) => void): Promise<Bus> | undefined => {
    const opened = open()
    if (callback === undefined) return opened.then(({ bus }) => bus)
    opened.then(
      ({ bus, socket }) => process.nextTick(callback, null, bus, socket),
      (error: unknown) => process.nextTick(callback, error),
    )
    return undefined
  }
  return launch as LaunchBus
}
