/** The proxies of this host: configurations made, judged, applied, taken away, and kept in step with the apps. */

import { rm } from 'node:fs/promises'

import type { AppRecord } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import type { ProxyConfigured, ProxyView } from '../../src/contract/proxy-api.ts'
import type { ProxyKind, ProxyOptions } from '../../src/contract/proxy.ts'
import type { Clock } from '../kernel/clock.ts'
import { applyConfiguration, readIfThere, writeConfiguration } from './apply.ts'
import { openFrontStore } from './front-store.ts'
import { type Front, type FrontContext, placeOf, renderFront } from './front.ts'
import { haproxyProgram } from './haproxy-program.ts'
import { judgeAlone } from './judge-alone.ts'
import { nginxProgram } from './nginx-program.ts'
import type { ProxyProgram } from './port.ts'
import { proxiedApp } from './proxied-app.ts'
import { originOf } from './signed-text.ts'
import { createSteering } from './steering.ts'
import { ASSUMED, showVersion, type Version } from './version.ts'
import { viewFront } from './view-front.ts'

export interface HostProxiesOptions {
  /** `proxies.json` of the home. */
  file: string
  runDir: string
  clock: Clock
  log: (event: string, fields: Record<string, unknown>) => void
  find: (key: string) => AppRecord | undefined
  statesOf: (record: AppRecord) => InstanceState[]
  /** Utilisation of the event loops by instance number, as of now. */
  loadsOf: (record: AppRecord) => Promise<ReadonlyMap<number, number>>
  daemon: FrontContext['daemon']
  /** PATH. */
  path: string | undefined
  signal: (pid: number, signal: NodeJS.Signals) => void
}

export interface ConfigureRequest {
  kind: ProxyKind
  records: readonly AppRecord[]
  options: ProxyOptions
  out: string | undefined
  action: 'print' | 'check' | 'write' | 'apply'
  force: boolean
}

export interface HostProxies extends Disposable {
  configure(request: ConfigureRequest): Promise<ProxyConfigured>
  status(): Promise<ProxyView[]>
  off(keys: readonly string[], force: boolean): Promise<string[]>
  /** Apps or instances changed. */
  changed(): void
  /** These are about to end: resolves when the proxies send them nothing more, or in a bounded time. */
  leaving(record: AppRecord, ids: readonly number[]): Promise<void>
  /** They have ended, or not: what their state says counts again. */
  left(record: AppRecord, ids: readonly number[]): void
}

export function createHostProxies(options: HostProxiesOptions): HostProxies {
  const { clock, log, find } = options
  const store = openFrontStore(options.file, log)
  let last: Promise<unknown> = Promise.resolve()

  /** One after the other: two reloads at once would confirm each other. */
  function exclusive<T>(run: () => Promise<T>): Promise<T> {
    const turn = last.then(run)
    last = turn.catch(() => undefined)
    return turn
  }

  const context = (version: Version): FrontContext => ({
    cookieKey: store.cookieKey,
    version,
    daemon: options.daemon,
  })

  function programOf({ kind, place }: Pick<Front, 'kind' | 'place'>): ProxyProgram {
    const { path, signal } = options
    if (kind === 'nginx') return nginxProgram({ ...place, place: place.nginx, path })
    return haproxyProgram({ socket: place.socket, place: place.haproxy, path, signal })
  }

  async function configure(request: ConfigureRequest): Promise<ProxyConfigured> {
    const { kind, records, options: overrides, out, action, force } = request
    const [first, ...others] = records.map((record) => proxiedApp(record, overrides))
    if (first === undefined) throw new LbmError('USAGE', 'Name the apps that the proxy is for.')
    const { file: usual, place } = placeOf(kind, [first, ...others], options.runDir)
    const file = out ?? usual
    const apps = records.map(({ key }) => key)
    const front = { kind, file, apps, options: overrides, place }
    const program = programOf(front)
    const notes: string[] = []
    const version = await program.version().catch((error: unknown) => {
      if (action === 'check' || action === 'apply') throw error
      const assumed = showVersion(ASSUMED[kind])
      notes.push(`${(error as Error).message} The text is for ${kind} ${assumed}.`)
      return ASSUMED[kind]
    })
    const { text, generation } = renderFront(front, records, context(version))
    const done: ProxyConfigured = { kind, file, text, apps, notes }
    if (action === 'print') return done
    if (action === 'check') return { ...done, judgement: await judgeAlone(program, text, options) }
    if (action === 'write') {
      await writeConfiguration({ path: file, text }, force)
      return done
    }
    const applied = await applyConfiguration(
      { path: file, text, generation },
      { program, clock, force },
    )
    await store.put({ ...front, version, generation })
    steering.changed()
    return { ...done, ...applied }
  }

  /** Of its apps those that are there still, and have slots. */
  const recordsOf = ({ apps }: Front): AppRecord[] =>
    apps
      .map(find)
      .filter((record) => record !== undefined)
      .filter(({ spec }) => spec.slots !== undefined)

  async function reapply(front: Front): Promise<void> {
    const records = recordsOf(front)
    if (records.length === 0) return
    const program = programOf(front)
    const version = await program.version()
    const { text, generation } = renderFront(front, records, context(version))
    const file = { path: front.file, text, generation }
    const applied = await applyConfiguration(file, { program, clock, force: false })
    await store.put({ ...front, version, generation })
    log('proxy.reloaded', { file: front.file, ...applied })
  }

  async function takeAway(front: Front, gone: readonly string[], force: boolean): Promise<void> {
    const { file } = front
    const text = await readIfThere(file)
    if (text !== undefined && originOf(text) !== 'ours' && !force) {
      throw new LbmError('OPERATION_FAILED', `${file} was changed by hand; it is left as it is.`, {
        hint: 'take it away with --force: it is kept beside it as .before-lbm',
      })
    }
    const rest = { ...front, apps: front.apps.filter((key) => !gone.includes(key)) }
    if (recordsOf(rest).length === 0) {
      await emptyAndReload(front)
      await store.remove(file)
      return
    }
    await reapply(rest)
  }

  /** Without a file a HAProxy would not reload at all: it gets one without anything in it, and then none. */
  async function emptyAndReload(front: Front): Promise<void> {
    const { file, kind } = front
    const program = programOf(front)
    const { text, generation } = renderFront(front, [], context(await program.version()))
    try {
      await applyConfiguration({ path: file, text, generation }, { program, clock, force: true })
    } catch (error) {
      // One that does not run serves nothing either.
      if ((await program.serving()) !== undefined) throw error
      log('proxy.off.not-running', { file, message: (error as Error).message })
    }
    await rm(file, { force: true })
    if (kind === 'nginx') await program.reload().catch(() => undefined) // does not run: see above
  }

  const steering = createSteering({
    clock,
    log,
    fronts: store.all,
    recordsOf,
    statesOf: options.statesOf,
    loadsOf: options.loadsOf,
    render: (front, records) =>
      renderFront(front, records, context(front.version), front.generation),
    reapply: (front) => exclusive(() => reapply(front)),
    exclusive,
  })

  return {
    configure: (request) => exclusive(() => configure(request)),
    status: () =>
      Promise.all(
        store.all().map((front) =>
          viewFront(front, recordsOf(front), {
            program: programOf(front),
            statesOf: options.statesOf,
            trouble: steering.troubleOf(front.file),
          }),
        ),
      ),
    off: (keys, force) =>
      exclusive(async () => {
        const fronts = store.all().filter(({ apps }) => apps.some((key) => keys.includes(key)))
        if (fronts.length === 0) {
          throw new LbmError('NOTHING_TO_DO', `No proxy was applied for ${keys.join(', ')}.`, {
            hint: '"lbm proxy status" lists those that were',
          })
        }
        for (const front of fronts) await takeAway(front, keys, force)
        return fronts.map(({ file }) => file)
      }),
    changed: steering.changed,
    leaving: steering.leaving,
    left: steering.left,
    [Symbol.dispose]: () => steering[Symbol.dispose](),
  }
}
