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
import {
  type Front,
  type FrontContext,
  placesOf,
  type RenderedFront,
  renderFront,
} from './front.ts'
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
    runDir: options.runDir,
    cookieKey: store.cookieKey,
    version,
    daemon: options.daemon,
  })

  function programFor(
    kind: ProxyKind,
    records: readonly AppRecord[],
    overrides: ProxyOptions,
  ): { program: ProxyProgram; places: ReturnType<typeof placesOf> } {
    const apps = records.map((record) => proxiedApp(record, overrides))
    const places = placesOf(kind, apps, options)
    const { path, signal } = options
    const [first] = apps
    if (first === undefined) throw new LbmError('USAGE', 'Name the apps that the proxy is for.')
    const program =
      kind === 'nginx'
        ? nginxProgram({ place: first.proxy.nginx, ...places, path })
        : haproxyProgram({ place: first.proxy.haproxy, ...places, path, signal })
    return { program, places }
  }

  function render(
    front: Pick<Front, 'kind' | 'options'>,
    records: readonly AppRecord[],
    version: Version,
    generation?: string,
  ): RenderedFront {
    return renderFront(front.kind, records, front.options, context(version), generation)
  }

  async function configure(request: ConfigureRequest): Promise<ProxyConfigured> {
    const { kind, records, options: overrides, out, action, force } = request
    const { program, places } = programFor(kind, records, overrides)
    const notes: string[] = []
    const version = await program.version().catch((error: unknown) => {
      if (action === 'check' || action === 'apply') throw error
      const assumed = showVersion(ASSUMED[kind])
      notes.push(`${(error as Error).message} The text is for ${kind} ${assumed}.`)
      return ASSUMED[kind]
    })
    const file = out ?? places.file
    const { text, generation } = render({ kind, options: overrides }, records, version)
    const done: ProxyConfigured = { kind, file, text, apps: records.map(({ key }) => key), notes }
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
    await store.put({ kind, file, apps: done.apps, options: overrides, generation })
    steering.changed()
    return { ...done, ...applied }
  }

  /** Records of a front, those that are gone left out. */
  const recordsOf = ({ apps }: Front): AppRecord[] =>
    apps
      .map(find)
      .filter((record) => record !== undefined && record.spec.slots !== undefined) as AppRecord[]

  async function reapply(front: Front): Promise<void> {
    const records = recordsOf(front)
    if (records.length === 0) return
    const { program } = programFor(front.kind, records, front.options)
    const { text, generation } = render(front, records, await program.version())
    const applied = await applyConfiguration(
      { path: front.file, text, generation },
      { program, clock, force: false },
    )
    await store.put({ ...front, generation })
    log('proxy.reloaded', { file: front.file, ...applied })
  }

  async function takeAway(front: Front, gone: readonly string[], force: boolean): Promise<void> {
    const { file, kind } = front
    const text = await readIfThere(file)
    if (text !== undefined && originOf(text) !== 'ours' && !force) {
      throw new LbmError('OPERATION_FAILED', `${file} was changed by hand; it is left as it is.`, {
        hint: 'take it away with --force: it is kept beside it as .before-lbm',
      })
    }
    const rest = { ...front, apps: front.apps.filter((key) => !gone.includes(key)) }
    const records = recordsOf(front)
    const { program } = programFor(kind, records, front.options)
    if (recordsOf(rest).length > 0) {
      await store.put(rest)
      await reapply(rest)
      return
    }
    await emptyAndReload(front, records, program)
    await store.remove(file)
  }

  /** Without a file a HAProxy would not reload at all: it gets one without anything in it, and then none. */
  async function emptyAndReload(
    { kind, file }: Front,
    records: readonly AppRecord[],
    program: ProxyProgram,
  ): Promise<void> {
    const version = await program.version()
    const { text, generation } = renderFront(
      kind,
      records,
      {},
      { ...context(version), isEmpty: true },
    )
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
    render: (front, records, generation) => {
      const { program } = programFor(front.kind, records, front.options)
      return program.version().then((version) => render(front, records, version, generation))
    },
    socketOf: (front, records) => programFor(front.kind, records, front.options).places.socket,
    reapply: (front) => exclusive(() => reapply(front)),
    exclusive,
  })

  return {
    configure: (request) => exclusive(() => configure(request)),
    status: () =>
      Promise.all(
        store.all().map((front) => {
          const records = recordsOf(front)
          return viewFront(front, records, {
            ...(records.length === 0 ? {} : programFor(front.kind, records, front.options)),
            statesOf: options.statesOf,
            trouble: steering.troubleOf(front.file),
          })
        }),
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
