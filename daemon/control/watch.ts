/** Restarts apps whose files change. chokidar is loaded when the first app watches. */

import type { FSWatcher } from 'chokidar'

import type { AppRecord, WatchSpec } from '../../src/contract/app.ts'
import type { InstanceView } from '../../src/contract/instance.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { desiredRunning } from './definitions.ts'
import { createIgnore } from './watch-ignore.ts'
import { decideWatchRestart, NO_LOOP, restartDone } from './watch-loop.ts'

/** An editor's save is several events, a checkout hundreds. */
const MIN_QUIET_MS = 200
/** Files that never rest still restart the app now and then. */
const MAX_WAIT_MS = 3000
/** Names in an event; more say nothing. */
const MAX_FILES = 20

export interface WatchersOptions {
  clock: Clock
  log: Log
  /** Files and folders that lbm writes for the app. */
  ownPaths: (record: AppRecord) => string[]
  /** Restarts what should run of the app; resolves when it is ready again. */
  restart: (key: string, files: string[]) => Promise<void>
  onSuspended: (key: string, message: string) => void
}

export interface Watchers extends Disposable {
  /** To be called at each change of an app: watches while it should run, with what its definition says. */
  sync(record: AppRecord): void
  forget(key: string): void
  /** A command of the user: what was suspended watches again. */
  resume(key: string): void
  statusOf(record: AppRecord): InstanceView['watching']
}

interface AppWatcher extends Disposable {
  spec: string
  isSuspended(): boolean
  resume(): void
}

export function createWatchers(options: WatchersOptions): Watchers {
  const watchers = new Map<string, AppWatcher>()

  function forget(key: string): void {
    watchers.get(key)?.[Symbol.dispose]()
    watchers.delete(key)
  }

  return {
    sync(record) {
      const { watch } = record.spec
      const isWanted = watch !== undefined && desiredRunning(record).length > 0
      const spec = isWanted ? JSON.stringify([watch, options.ownPaths(record)]) : undefined
      if (watchers.get(record.key)?.spec === spec) return
      forget(record.key)
      if (watch !== undefined && spec !== undefined) {
        watchers.set(record.key, watchApp(record, watch, spec, options))
      }
    },
    forget,
    resume: (key) => watchers.get(key)?.resume(),
    statusOf: ({ key }) => {
      const watcher = watchers.get(key)
      if (watcher === undefined) return 'disabled'
      return watcher.isSuspended() ? 'suspended' : 'enabled'
    },
    [Symbol.dispose]() {
      for (const key of watchers.keys()) forget(key)
    },
  }
}

function watchApp(
  record: AppRecord,
  watch: WatchSpec,
  spec: string,
  options: WatchersOptions,
): AppWatcher {
  const { clock, log } = options
  const { key } = record
  const quietMs = Math.max(MIN_QUIET_MS, watch.delayMs)
  let files = new Set<string>()
  let firstChangeAt = 0
  let timer: Disposable | undefined
  let loop = NO_LOOP
  let isRestarting = false
  let isSuspended = false
  let isDisposed = false
  let source: FSWatcher | undefined

  function changed(path: string): void {
    if (isSuspended || isDisposed) return
    if (files.size === 0) firstChangeAt = clock.now()
    files.add(path)
    settleWhenQuiet()
  }

  function settleWhenQuiet(): void {
    const now = clock.now()
    const due = Math.min(now + quietMs, firstChangeAt + Math.max(MAX_WAIT_MS, quietMs))
    timer?.[Symbol.dispose]()
    timer = clock.at(after(now, due - now), () => void settle())
  }

  /** What changes during a restart waits for its end; and for quiet, since chokidar tells of no two changes in 50 ms. */
  async function settle(): Promise<void> {
    if (isRestarting || files.size === 0 || isDisposed) return
    const batch = [...files]
    files = new Set()
    const decision = decideWatchRestart(loop, batch, clock.now())
    if (!decision.restart) {
      suspend(decision.files)
      return
    }
    loop = decision.loop
    isRestarting = true
    log('watch.restart', { app: key, files: batch.slice(0, MAX_FILES) })
    try {
      await options.restart(key, batch.slice(0, MAX_FILES))
    } catch (error) {
      log('watch.restart-failed', { app: key, message: (error as Error).message })
    }
    isRestarting = false
    loop = restartDone(loop, clock.now())
    if (files.size > 0) settleWhenQuiet()
  }

  function suspend(cause: readonly string[]): void {
    isSuspended = true
    files = new Set()
    const message = `Watching is suspended: the app seems to write ${cause.slice(0, 3).join(', ')} itself, which restarts it again and again. Ignore the file, then restart the app.`
    log('watch.suspended', { app: key, files: cause.slice(0, MAX_FILES) })
    options.onSuspended(key, message)
  }

  async function open(usePolling: boolean): Promise<void> {
    const [{ watch: start }, { default: picomatch }] = await Promise.all([
      import('chokidar'),
      import('picomatch'),
    ])
    if (isDisposed) return
    const isIgnored = createIgnore(
      {
        roots: watch.paths,
        cwd: record.spec.cwd,
        ignore: watch.ignore,
        extensions: watch.extensions,
        own: options.ownPaths(record),
      },
      picomatch,
    )
    const opened = start(watch.paths, {
      ignored: (path, stats) => isIgnored(path, stats?.isFile() === true),
      ignoreInitial: true,
      ignorePermissionErrors: true,
      usePolling,
    })
    source = opened
    opened.on('all', (_, path) => changed(path))
    opened.on('error', (error) => {
      const { code, message } = error as NodeJS.ErrnoException
      log('watch.failed', { app: key, message })
      // Out of watches or file descriptors: slower, but it works.
      if (usePolling || (code !== 'ENOSPC' && code !== 'EMFILE') || source !== opened) return
      log('watch.polling', { app: key })
      source = undefined
      void opened.close()
      openLogged(true)
    })
  }

  const openLogged = (usePolling: boolean): void => {
    open(usePolling).catch((error: unknown) =>
      log('watch.failed', { app: key, message: (error as Error).message }),
    )
  }
  openLogged(watch.usePolling)

  return {
    spec,
    isSuspended: () => isSuspended,
    resume() {
      isSuspended = false
      loop = NO_LOOP
      files = new Set()
    },
    [Symbol.dispose]() {
      isDisposed = true
      timer?.[Symbol.dispose]()
      void source?.close()
    },
  }
}
